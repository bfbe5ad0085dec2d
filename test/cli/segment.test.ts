import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load } from '../../lib/checkpoint/index.ts';
import { evaluateSegment, type SegmentEvaluation } from '../../lib/cli/segment/evaluate.ts';
import { predictSegment } from '../../lib/cli/segment/predict.ts';
import { type SegmentTrainOptions, trainSegment } from '../../lib/cli/segment/segment.ts';
import { decodeImage, decodeLabels } from '../../lib/data/index.ts';
import * as segment from '../../lib/segment/index.ts';
import type { Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';
import { SHAPES, writeScenes } from '../segment/shapes.ts';

function streams(onText: (text: string) => void = () => {}) {
  const written = { out: '', err: '' };
  return {
    written,
    stdout: {
      write: (text: string) => {
        written.out += text;
        onText(text);
      },
    },
    stderr: { write: (text: string) => (written.err += text), isTTY: false } as never,
  };
}

const SMALL: SegmentTrainOptions = {
  model: 'fcn/resnet18_ibn_a',
  modelOptions: { widths: [16, 24, 32, 48] },
  ...{ crop: [48], scale: [0.9, 1.1], jitter: 0, batchSize: 4, optimizer: 'adam', lr: 0.01, weightDecay: 0 },
  ...{ seed: 1, workers: 0 },
};

async function scenes(train: number): Promise<string> {
  const root = tmp();
  await writeScenes(root, { train, val: 4 }, 48);
  return root;
}

describe('ibn-net segment', () => {
  it('learns what shapes are, evaluates, and colours them', { timeout: 240_000 }, async () => {
    const root = await scenes(32);
    const output = join(tmp(), 'run');
    const told = streams();
    expect(await trainSegment(root, { ...SMALL, epochs: 6, output }, told)).toBe(0);
    expect(told.written.out).toContain('32 images of folder to train, 4 to evaluate, 4 classes');
    const checkpoint = join(output, 'model_best.pth');
    const evaluated = streams();
    const common = { device: 'cpu', split: 'val', workers: 0 };
    await evaluateSegment(
      { ...common, checkpoint: [checkpoint], test: [`folder=${root}`], json: true },
      evaluated,
    );
    const [result] = (JSON.parse(evaluated.written.out) as { results: SegmentEvaluation[] }).results;
    // Calling everything ground has a mean IoU of less than 0.2.
    expect(result?.mIoU).toBeGreaterThan(0.35);
    expect(result?.perClass.map((one) => one.class)).toEqual(SHAPES);
    const best = readFileSync(join(output, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).val.mIoU as number);
    expect(Math.max(...best)).toBeCloseTo(100 * (result?.mIoU as number), 1);

    const table = streams();
    const test = [`folder=${root}`, `folder=${root}`];
    await evaluateSegment(
      { ...common, checkpoint: [checkpoint], test, flip: true, scales: [0.75, 1], window: [32] },
      table,
    );
    expect(table.written.out).toMatch(/model_best.pth +folder val +4 +\d+\.\d\d/);
    expect(table.written.out).toContain('triangle');

    const predicted = join(tmp(), 'predicted');
    const images = join(root, 'images/val');
    await predictSegment(
      [images],
      { device: 'cpu', checkpoint, output: predicted, overlay: true },
      streams(),
    );
    const labels = await decodeLabels(join(predicted, '000_labels.png'));
    const colours = await decodeImage(join(predicted, '000_colours.png'));
    expect(labels.shape).toEqual([48, 48]);
    expect(colours.equal(segment.colourMap(labels, segment.classColours(4)))).toBe(true);
    expect((await decodeImage(join(predicted, '000_overlay.png'))).shape).toEqual([3, 48, 48]);
  });

  it('goes on after a stop with the bytes of a run that was never stopped', {
    timeout: 240_000,
  }, async () => {
    const root = await scenes(8);
    const [whole, stopped] = [join(tmp(), 'whole'), join(tmp(), 'stopped')];
    const options = { ...SMALL, epochs: 3 };
    expect(await trainSegment(root, { ...options, output: whole }, streams())).toBe(0);
    let isStopped = false;
    const stop = streams((text) => {
      if (isStopped || !text.startsWith('Epoch 1/')) return;
      isStopped = true;
      process.emit('SIGTERM');
    });
    expect(await trainSegment(root, { ...options, output: stopped }, stop)).toBe(75);
    expect(await trainSegment(root, { ...options, output: stopped, resume: 'auto' }, streams())).toBe(0);
    const weights = (folder: string) =>
      load<{ state_dict: Map<string, Tensor> }>(join(folder, 'checkpoint.pth')).state_dict;
    const [want, got] = [weights(whole), weights(stopped)];
    expect([...got].every(([key, tensor]) => tensor.equal(want.get(key) as Tensor))).toBe(true);
    expect(got.size).toBe(want.size);
    await expect(
      trainSegment(root, { ...options, output: stopped, resume: 'auto', lr: 0.1 }, streams()),
    ).rejects.toThrow(/Expected --lr 0.01, which the run of .* has, got 0.1/);
  });

  it('prints all options as a config file', async () => {
    const told = streams();
    await trainSegment('data/city', { preset: 'robustnet', printConfig: true, ohem: true }, told);
    expect(told.written.out).toMatchInlineSnapshot(`
      "data: data/city
      dataset: folder
      model: deeplabv3plus/resnet50_ibn_b
      epochs: 40
      batchSize: 16
      accumulate: 1
      optimizer: sgd
      momentum: 0.9
      weightDecay: 0.0005
      lr: 0.01
      scheduler: polynomial
      power: 0.9
      minLr: 0
      schedule:
        - 30
      gamma: 0.1
      warmupEpochs: 0
      crop:
        - 768
      scale:
        - 0.5
        - 2
      flip: 0.5
      jitter: 0.5
      blur: true
      auxWeight: 0.4
      ohem: true
      ohemThreshold: 0.7
      ohemKept: 100000
      device: cpu
      workers: 4
      testBatch: 1
      saveEvery: 500
      keepLast: 2
      "
    `);
  });

  it.each([
    [() => trainSegment('x', { output: 'y', model: 'fcn/resnet50_ibn_c' }, streams())],
    [() => trainSegment('x', { output: 'y', crop: [1, 2, 3] }, streams())],
    [() => trainSegment('x', {}, streams())],
    [() => trainSegment('x', { output: 'y', lrr: 1 }, streams())],
    [
      () =>
        evaluateSegment(
          { device: 'cpu', split: 'val', workers: 0, checkpoint: ['a'], test: ['city'] },
          streams(),
        ),
    ],
  ])('refuses bad options (%#)', async (attempt) => {
    await expect(attempt()).rejects.toThrowErrorMatchingSnapshot();
  });
});
