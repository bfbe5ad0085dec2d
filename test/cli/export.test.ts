import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatExport } from '../../lib/cli/export/export.ts';
import { exportFile } from '../../lib/cli/export/export-file.ts';
import { models, reid, save, segment } from '../../lib/index.ts';
import { rejection } from '../compile/plan-maker.ts';
import { tmp } from '../helpers/index.ts';

describe('ibn-net export', () => {
  it('writes a classifier from a checkpoint, in the size that is asked for', async () => {
    const [folder, numClasses] = [tmp(), 5];
    const checkpoint = join(folder, 'mine.pth');
    save(
      { arch: 'resnet18_ibn_a', state_dict: models.resnet18_ibn_a({ numClasses }).stateDict() },
      checkpoint,
    );
    const out = join(folder, 'mine.onnx');
    const exported = await exportFile(out, { task: 'classify', checkpoint, size: [224, 256], batch: 4 });
    expect(formatExport(exported).replaceAll(folder, '<folder>')).toMatchInlineSnapshot(`
      "<folder>/mine.onnx: ONNX, opset 22
        inputs     input float32 [4, 3, 224, 256]
        outputs    output float32 [4, 5]
        operators  20 Conv, 20 BatchNormalization, 17 Relu, 8 Add, 6 Split, 6 InstanceNormalization, 6 Concat, 1 MaxPool, 1 AveragePool, 1 Reshape, 1 Gemm"
    `);
    expect(readdirSync(folder).sort()).toEqual(['mine.onnx', 'mine.pth']);
  });

  it('writes networks for Re-ID and segmentation', async () => {
    const folder = tmp();
    const file = join(folder, 'reid.pth');
    save(reid.create('osnet_x0_25', { numClasses: 3 }).stateDict(), file);
    const found = await exportFile(join(folder, 'reid.onnx'), { task: 'reid', checkpoint: file, opset: 18 });
    expect(found).toMatchObject({
      opset: 18,
      inputs: [{ shape: ['batch', 3, 256, 128] }],
      outputs: [{ shape: ['batch', 512] }],
    });
    const scenes = join(folder, 'segment.pth');
    save(segment.create('fcn/resnet18_ibn_a', { numClasses: 3 }).stateDict(), scenes);
    const options = { task: 'segment', checkpoint: scenes } as const;
    const out = join(folder, 'segment.onnx');
    expect((await rejection(exportFile(out, options))).message).toContain('pass --size HEIGHTxWIDTH');
    const { outputs } = await exportFile(out, { ...options, size: [65, 97] });
    expect(outputs[0]?.shape).toEqual(['batch', 3, 65, 97]);
  });

  it('refuses what it cannot do before anything is written', async () => {
    const out = join(tmp(), 'model.onnx');
    const messageOf = async (path: string, options: object) =>
      (await rejection(exportFile(path, { task: 'classify', ...options }))).message.replace(out, '<out>');
    expect([
      await messageOf('model.pt', { model: 'resnet18_ibn_a' }),
      await messageOf(out, {}),
      await messageOf(out, { task: 'reid' }),
      await messageOf(out, { task: 'reid', model: 'osnet_x1_0', checkpoint: 'x.pth' }),
      await messageOf(out, { model: 'resnet19' }),
    ]).toMatchInlineSnapshot(`
      [
        "Expected a name that ends in .onnx for the output, got "model.pt"",
        "Expected --model or --checkpoint, got neither; pass --model resnet50_ibn_a",
        "Expected --checkpoint with --task reid, got none; no weights are published for it",
        "Expected no --model with --task reid, got osnet_x1_0; the checkpoint's keys tell it",
        "Unknown model "resnet19"; did you mean resnet18?",
      ]
    `);
    expect(existsSync(out)).toBe(false);
    writeFileSync(out, 'old');
    expect(await messageOf(out, { model: 'resnet18_ibn_a' })).toContain('pass --force to write over it');
  });
});
