import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Adaptation } from '../../lib/cli/adapt/run-adapt.ts';
import { adaptSegment } from '../../lib/cli/segment/adapt.ts';
import type { SegmentAdaptOptions } from '../../lib/cli/segment/adapt-task.ts';
import { evaluateSegment } from '../../lib/cli/segment/evaluate.ts';
import { trainSegment } from '../../lib/cli/segment/segment.ts';
import { datasets, decodeImage, writePng } from '../../lib/data/index.ts';
import { scope, setNumThreads } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';
import { writeScenes } from '../segment/shapes.ts';

function streams() {
  const written = { out: '', err: '' };
  return {
    written,
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text), isTTY: false } as never,
  };
}

/** Scenes in dim light and of a tint. */
async function darken(root: string): Promise<void> {
  for (const path of datasets.findImages(join(root, 'images'))) {
    const image = await decodeImage(path);
    const dim = scope(() => image.to('float32').mul(0.3).add(20).to('uint8'));
    await writePng(dim, path);
  }
}

beforeAll(() => setNumThreads(1));

async function adapted(target: string, options: Partial<SegmentAdaptOptions>) {
  const told = streams();
  const common = { device: 'cpu', batchSize: 4, workers: 0, seed: 2, split: 'val', json: true };
  const code = await adaptSegment(target, { ...common, ...options } as SegmentAdaptOptions, told);
  return { code, result: JSON.parse(told.written.out) as Adaptation };
}

async function mIoUOf(checkpoint: string, root: string): Promise<number> {
  const told = streams();
  const options = {
    checkpoint: [checkpoint],
    test: [`folder=${root}`],
    device: 'cpu',
    split: 'val',
    workers: 0,
  };
  await evaluateSegment({ ...options, json: true }, told);
  return 100 * JSON.parse(told.written.out).results[0].mIoU;
}

describe('ibn-net segment adapt', () => {
  it('adapts by every method, and evaluate reads what it writes', { timeout: 240_000 }, async () => {
    const [source, target, output] = [tmp(), tmp(), tmp()];
    await writeScenes(source, { train: 24, val: 4 }, 48);
    await writeScenes(target, { train: 20, val: 6 }, 48);
    await darken(target);
    const options = {
      model: 'fcn/resnet18_ibn_a',
      modelOptions: { widths: [16, 24, 32, 48] },
      ...{
        crop: [48],
        scale: [0.9, 1.1],
        jitter: 0,
        batchSize: 4,
        optimizer: 'adam',
        lr: 0.01,
        weightDecay: 0,
      },
      ...{ seed: 1, workers: 0, epochs: 5, output: join(output, 'run') },
    };
    expect(await trainSegment(source, options, streams())).toBe(0);
    const checkpoint = join(output, 'run', 'model_best.pth');
    const file = (name: string) => join(output, name);

    const adabn = await adapted(target, { method: 'adabn', checkpoint, output: file('adabn.pth') });
    expect(adabn.result).toMatchObject({ network: 'fcn/resnet18_ibn_a', share: 1, target: { images: 20 } });
    expect(adabn.result.after?.mIoU).toBeGreaterThan((adabn.result.before?.mIoU as number) + 5);
    expect(await mIoUOf(file('adabn.pth'), target)).toBeCloseTo(adabn.result.after?.mIoU as number, 1);
    expect(await mIoUOf(checkpoint, target)).toBeCloseTo(adabn.result.before?.mIoU as number, 1);

    const tent = await adapted(target, { method: 'tent', checkpoint, output: file('tent.pth') });
    expect(tent.result.entropy).toBeGreaterThan(0);
    expect(await mIoUOf(file('tent.pth'), target)).toBeCloseTo(tent.result.after?.mIoU as number, 1);

    const taught = { method: 'teacher', epochs: 1, threshold: 0.5, source: `folder=${source}` } as const;
    const teacher = await adapted(target, { ...taught, checkpoint, output: file('teacher.pth') });
    expect(teacher.result.confident).toBeGreaterThan(0);
    expect(await mIoUOf(file('teacher.pth'), target)).toBeCloseTo(teacher.result.after?.mIoU as number, 1);

    const refused = await adapted(target, { method: 'tent', checkpoint, output: file('no.pth'), bound: 0 });
    expect(refused.code).toBe(1);
    expect(refused.result.verdict).toMatchObject({ rule: 'agreement', compared: 2 * 48 * 48 });
    expect(existsSync(file('no.pth'))).toBe(false);
    const other = { method: 'adabn', checkpoint, output: file('x.pth') } as const;
    await expect(adapted(target, { ...other, test: `cityscapes=${target}` })).rejects.toThrow();
    await expect(adapted(target, { ...other, crop: [1, 2, 3] })).rejects.toThrow('for --crop, got 1 2 3');
    await expect(adapted(tmp(), other)).rejects.toThrow('images in');
  });
});
