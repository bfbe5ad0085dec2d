import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import { loadClassifier } from '../../lib/cli/adapt/load-classifier.ts';
import { classifiers } from '../../lib/cli/finetune/classification.ts';
import { finetuneClassifiers } from '../../lib/cli/finetune/finetune.ts';
import { type FinetuneOptions, formOf } from '../../lib/cli/finetune/form.ts';
import { datasets, decodeImage, transforms, writePng } from '../../lib/data/index.ts';
import { Module } from '../../lib/nn/index.ts';
import {
  cudaInfo,
  manualSeed,
  randint,
  scope,
  setNumThreads,
  stack,
  type Tensor,
} from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';
import { COMMON, colours, streams, writeClassifier } from './finetune-data.ts';

beforeAll(() => setNumThreads(1));

const SHORT = { ...COMMON, epochs: 1, share: [50], seeds: 1 };

async function place(): Promise<{ target: string; folder: string; output: string }> {
  const [target, folder] = [tmp(), tmp()];
  await colours(target);
  return { target, folder, output: join(folder, 'runs') };
}

describe('results of ibn-net finetune', () => {
  it('are those of one file, whatever others are called', { timeout: 60_000 }, async () => {
    const { target, folder, output } = await place();
    const paths = ['a', 'b'].map((name) => join(folder, name, 'model_best.pth')) as [string, string];
    for (const [i, path] of paths.entries()) {
      mkdirSync(join(path, '..'));
      writeClassifier(path, i);
    }
    const call = (checkpoint: string, more: Partial<FinetuneOptions> = {}) =>
      finetuneClassifiers(target, { ...SHORT, checkpoint: [checkpoint], output, ...more }, streams());
    expect(await call(paths[0])).toBe(0);
    const before = join(output, 'runs', 'model_best-before.json');
    const expected = `Expected --checkpoint ${paths[0]}, which ${before} is of, got ${paths[1]}; pass another name, NAME=FILE, or another --output`;
    await expect(call(paths[1])).rejects.toThrow(expected);
    await expect(call(paths[1], { report: true })).rejects.toThrow(expected);
    rmSync(before);
    await expect(call(paths[1])).rejects.toThrow(
      `which ${join(output, 'runs', 'model_best-50-0.json')} is of`,
    );

    // Links that a kill left are removed when the sweep goes on.
    const left = join(output, 'images', 'model_best-50-0');
    mkdirSync(left);
    expect(await call(paths[0])).toBe(0);
    expect(existsSync(left)).toBe(false);
    expect(existsSync(before)).toBe(true);
    await expect(call(paths[0], { lr: 0.5 })).rejects.toThrow('whose runs have 0.05 for --lr, not 0.5');
    await expect(call(paths[0], { quick: true })).rejects.toThrow('null for the images of --quick, not 400');
    writeClassifier(paths[0], 9);
    await expect(call(paths[0])).rejects.toThrow(`${paths[0]} with other bytes; pass another name`);
  });
});

describe('ibn-net finetune', () => {
  it('refuses what cannot be, and leaves no folder behind', async () => {
    const { target, folder, output } = await place();
    const call = (options: Partial<FinetuneOptions>, of = target) =>
      finetuneClassifiers(
        of,
        { ...SHORT, checkpoint: [join(folder, 'two.pth')], output, ...options },
        streams(),
      );
    const written = (name: string, said: Parameters<typeof writeClassifier>[2]) => {
      writeClassifier(join(folder, `${name}.pth`), 1, said);
      return { checkpoint: [join(folder, `${name}.pth`)] };
    };
    written('two', {});
    const three = written('three', { numClasses: 3, isNamed: false });
    await expect(call(three)).rejects.toThrow(
      /for each of the 3 classes of .*three.pth, got 2; for other classes/,
    );
    const half = written('half', { input: { mean: [0.5, 0.5, 0.5] } });
    await expect(call(half)).rejects.toThrow(
      /half.pth, as training prepares them, got 3 with mean 0.5 0.5 0.5/,
    );
    const grey = written('grey', { input: { channels: 1 } });
    await expect(call(grey)).rejects.toThrow('Expected a network for images of 3 channels');
    await expect(call({ checkpoint: [join(folder, 'none.pth')] })).rejects.toThrow('none.pth');
    await expect(call({ crop: [16, 16] })).rejects.toThrow('Expected one number for --crop, got 16 16');
    await expect(call({ report: true })).rejects.toThrow('which has no form.json');
    await expect(call({}, folder)).rejects.toThrow();
    if (!cudaInfo().available) await expect(call({ device: 'cuda' })).rejects.toThrow('for --device cuda');
    rmSync(join(target, 'val', 'red'), { recursive: true });
    mkdirSync(join(target, 'val', 'green'));
    await writePng(randint(0, 256, [3, 8, 8], { dtype: 'uint8' }), join(target, 'val', 'green', '0.png'));
    await expect(call({})).rejects.toThrow('got "green"');
    expect(existsSync(output)).toBe(false);
  });
});

describe('the figure before training', () => {
  it('is of images in the sizes that training evaluates, and its network is freed', async () => {
    const { target, folder } = await place();
    const path = join(folder, 'noise.pth');
    const val = await noise(target);
    writeClassifier(path, 3);
    await divide(path, await batchOf(val, 18));
    // --crop 16 means a shorter side of 16 / 0.875, whatever the file has.
    const [wanted, saved] = [await top1Of(path, val, 18), await top1Of(path, val, 24)];
    expect(wanted).not.toBe(saved);
    const figure = async (crop: Partial<FinetuneOptions>) => {
      const options = { ...SHORT, checkpoint: [path], output: '', ...crop };
      const task = classifiers(formOf(target, options, { epochs: 1, batchSize: 8, lr: 0.1 }), options);
      return await task.before({ name: 'noise', checkpoint: path });
    };
    const dispose = vi.spyOn(Module.prototype, 'dispose');
    expect(await figure({ crop: [16] })).toBeCloseTo(wanted, 5);
    expect(await figure({})).toBeCloseTo(saved, 5);
    expect(dispose).toHaveBeenCalledTimes(2);
    dispose.mockRestore();
  });
});

/** Images of `val` that look otherwise in another size. */
async function noise(target: string): Promise<datasets.ImageFolder> {
  manualSeed(5);
  for (const name of ['blue', 'red'])
    for (let i = 0; i < 20; i++)
      await writePng(randint(0, 256, [3, 24, 24], { dtype: 'uint8' }), join(target, 'val', name, `${i}.png`));
  return new datasets.ImageFolder(join(target, 'val'));
}

async function batchOf({ samples }: datasets.ImageFolder, resize: number): Promise<Tensor> {
  const prepare = transforms.imagenetEval({ resize, crop: 16 });
  const images = await Promise.all(samples.map(([path]) => decodeImage(path)));
  return scope(() => stack(images.map((image) => prepare.forward(image))));
}

const logitsOf = (path: string, batch: Tensor): [number, number][] =>
  scope(() => loadClassifier({ checkpoint: path }).model.forward(batch).toArray());

/** Gives half of the images to each class. */
async function divide(path: string, batch: Tensor): Promise<void> {
  const leads = logitsOf(path, batch).map(([one, other]) => one - other);
  const middle = [...leads].sort((a, b) => a - b)[leads.length / 2] as number;
  const saved = load(path) as { state_dict: Map<string, Tensor> };
  scope(() => (saved.state_dict.get('fc.bias') as Tensor).select(0, 1).add_(middle));
  save(saved, path);
}

async function top1Of(path: string, val: datasets.ImageFolder, resize: number): Promise<number> {
  const logits = logitsOf(path, await batchOf(val, resize));
  const right = logits.filter(([one, other], i) => Number(other > one) === val.samples[i]?.[1]);
  return (100 * right.length) / logits.length;
}
