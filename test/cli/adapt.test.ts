import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import { adaptClassifier } from '../../lib/cli/adapt/adapt.ts';
import type { ClassifierAdaptOptions } from '../../lib/cli/adapt/classification.ts';
import type { Adaptation } from '../../lib/cli/adapt/run-adapt.ts';
import { findTarget } from '../../lib/cli/adapt/target-images.ts';
import { evaluate } from '../../lib/cli/evaluate/evaluate.ts';
import { train } from '../../lib/cli/train/train.ts';
import { setNumThreads } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';

const root = mkdtempSync(join(tmpdir(), 'ibn-adapt-'));
const file = (...names: string[]) => join(root, ...names);
const CLASSES = ['across', 'disc', 'down'];

/** A shape that its class names; the target is dark, of little contrast, and tinted. */
async function draw(path: string, label: number, seed: number, isTarget: boolean): Promise<void> {
  const [paper, ink] = isTarget ? ['rgb(95,60,40)', 'rgb(60,25,15)'] : ['rgb(230,235,240)', 'rgb(60,70,80)'];
  const at = 4 + ((seed * 7) % 12);
  const size = 8 + ((seed * 5) % 5);
  const shape = [
    `<rect x="2" y="${at}" width="28" height="${size - 3}"/>`,
    `<circle cx="${at + 5}" cy="${14 + (seed % 5)}" r="${size - 2}"/>`,
    `<rect x="${at}" y="2" width="${size - 3}" height="28"/>`,
  ][label];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><rect width="32" height="32" fill="${paper}"/><g fill="${ink}">${shape}</g></svg>`;
  mkdirSync(dirname(path), { recursive: true });
  await sharp(Buffer.from(svg)).removeAlpha().png().toFile(path);
}

beforeAll(async () => {
  setNumThreads(1);
  for (const [label, name] of CLASSES.entries())
    for (let i = 0; i < 30; i++) {
      const split = i < 20 ? 'train' : 'val';
      await draw(file('source', split, name, `${i}.png`), label, i, false);
      await draw(file('target', split, name, `${i}.png`), label, i + 3, true);
    }
  const modelOptions = { widths: [8, 16, 16, 16], stem: 'small' };
  const options = {
    model: 'resnet18_ibn_a',
    modelOptions,
    epochs: 5,
    batchSize: 10,
    lr: 0.2,
    seed: 1,
    crop: 32,
    resize: 32,
  };
  const code = await train(
    file('source'),
    { ...options, workers: 0, device: 'cpu', output: file('run') } as never,
    streams(),
  );
  expect(code).toBe(0);
}, 120_000);

afterAll(() => rmSync(root, { recursive: true }));

function streams() {
  const written = { out: '', err: '' };
  return {
    written,
    stdout: { write: (text: string | Uint8Array) => (written.out += text) },
    stderr: { write: (text: string | Uint8Array) => (written.err += text), isTTY: false } as never,
  };
}

let count = 0;

async function adapted(options: Partial<ClassifierAdaptOptions>, target = file('target')) {
  const told = streams();
  const output = file(`adapted-${++count}.pth`);
  const common = {
    checkpoint: file('run', 'model_best.pth'),
    device: 'cpu',
    batchSize: 20,
    workers: 0,
    seed: 2,
  };
  const all = { ...common, output, json: true, ...options } as ClassifierAdaptOptions;
  const code = await adaptClassifier(target, all, told);
  return {
    code,
    output,
    ...told.written,
    result: (all.json ? JSON.parse(told.written.out) : {}) as Adaptation,
  };
}

async function top1Of(checkpoint: string): Promise<number> {
  const told = streams();
  const options = { checkpoint: [checkpoint], split: 'val', batchSize: 16, device: 'cpu', json: true };
  expect(await evaluate(file('target'), options, told)).toBe(0);
  return JSON.parse(told.written.out).results[0].top1 as number;
}

describe('ibn-net adapt', () => {
  it('gives a classifier the statistics of the target, and evaluate reads what it writes', async () => {
    const { code, result, output } = await adapted({ method: 'adabn' });
    expect(code).toBe(0);
    expect(result).toMatchObject({ network: 'resnet18_ibn_a', share: 1, verdict: null, output });
    expect(result.target).toEqual({ folder: file('target', 'train'), images: 60 });
    expect(result.test).toEqual({ name: file('target', 'val'), images: 30 });
    // The statistics of the source tell little of these images.
    expect(result.after?.top1).toBeGreaterThan((result.before?.top1 as number) + 10);
    expect(await top1Of(output)).toBeCloseTo(result.after?.top1 as number, 1);
    expect(await top1Of(file('run', 'model_best.pth'))).toBeCloseTo(result.before?.top1 as number, 1);
    const saved = load(output) as Record<string, unknown>;
    expect(saved).toMatchObject({
      arch: 'resnet18_ibn_a',
      classes: CLASSES,
      adapted: { method: 'adabn', share: 1 },
    });
    const again = await adapted({ method: 'adabn', checkpoint: output, prior: 60 });
    expect(again.result.before?.top1).toBeCloseTo(result.after?.top1 as number, 5);
    expect(again.result.share).toBe(0.5);
  });

  it('minimises the entropy, and learns from a teacher beside the source', async () => {
    const tent = await adapted({ method: 'tent', lr: 0.003, epochs: 2 });
    expect(tent.err.match(/entropy/g)).toHaveLength(2);
    expect(tent.result.entropy).toBeLessThan(1.1);
    expect(await top1Of(tent.output)).toBeCloseTo(tent.result.after?.top1 as number, 1);
    const options = { epochs: 2, threshold: 0.5, decay: 0.9, source: file('source') };
    const teacher = await adapted({ method: 'teacher', ...options });
    expect(teacher.result.confident).toBeGreaterThan(0);
    expect(teacher.err).toContain('Epoch 2 of 2: loss');
    expect(await top1Of(teacher.output)).toBeCloseTo(teacher.result.after?.top1 as number, 1);
    expect(teacher.result.after?.top1).toBeGreaterThan(teacher.result.before?.top1 as number);
  });

  it('does the same twice for one seed', async () => {
    const [one, other] = [await adapted({ method: 'tent' }), await adapted({ method: 'tent', limit: 60 })];
    expect(one.result.after).toEqual(other.result.after);
    expect(one.output).not.toBe(other.output);
  });

  it('takes a limited number of images from all folders alike', () => {
    const classesOf = (paths: readonly string[]) => paths.map((path) => basename(dirname(path)));
    const { paths } = findTarget(file('target', 'train'), 6, false);
    expect(classesOf(paths)).toEqual(CLASSES.flatMap((name) => [name, name]));
    expect(new Set(findTarget(file('target', 'train'), 59, false).paths).size).toBe(59);
    expect(findTarget(file('target', 'train'), 500, false).paths).toHaveLength(60);
    const guarded = findTarget(file('target', 'train'), 30, true);
    expect(classesOf(guarded.kept)).toEqual(CLASSES);
    expect(guarded.paths).toHaveLength(27);
  });

  it('refuses an output that cannot be written before it reads anything', async () => {
    const at = (output: string) => adapted({ method: 'adabn', output, checkpoint: file('none.pth') });
    await expect(at(file('nowhere', 'a.pth'))).rejects.toThrow(`there is no folder ${file('nowhere')}`);
    await expect(at(root)).rejects.toThrow('for --output, got');
    await expect(at(file('a.safetensors'))).rejects.toThrow('pass a name that ends in .pth');
    await expect(at(file('run', 'model_best.pth', 'a.pth'))).rejects.toThrow('there is no folder');
  });

  it('writes nothing where the guard refuses, with status 1', async () => {
    const refused = await adapted({ method: 'tent', bound: 0 });
    expect(refused.code).toBe(1);
    expect(refused.result).toMatchObject({
      output: null,
      after: null,
      share: 0,
      verdict: { accepted: false, compared: 6 },
    });
    expect(existsSync(refused.output)).toBe(false);
    const { out } = await adapted({ method: 'tent', bound: 0, json: false });
    expect(out).toContain('Nothing was written');
    expect(out).not.toContain('Weight of');
    const taken = await adapted({ method: 'adabn', bound: 1 });
    expect(taken.result).toMatchObject({ share: 1, verdict: { accepted: true }, target: { images: 54 } });
  });

  it('says in words what came out, and why there are no figures', async () => {
    const { out } = await adapted({ method: 'adabn', json: false }, file('target', 'train', 'disc'));
    expect(out).toContain('adabn on 20 images of');
    expect(out).toContain('No figures: ');
    expect(out).toContain('--test FOLDER names labelled images');
    const { out: told } = await adapted({ method: 'adabn', json: false, test: file('target') });
    expect(told).toMatch(/before: top1 [\d.]+, loss [\d.]+\nafter : top1 [\d.]+/);
  });

  it('refuses options of another method, and data and files that it cannot use', async () => {
    await expect(adapted({ method: 'adabn', lr: 1 })).rejects.toThrow(
      'Expected --method tent or teacher beside --lr',
    );
    await expect(adapted({ method: 'teacher', norms: 'all' })).rejects.toThrow(
      '--method tent beside --norms',
    );
    await expect(adapted({ method: 'adabn', prior: 1, momentum: 0.1 })).rejects.toThrow('got both');
    const empty = tmp();
    await expect(adapted({ method: 'adabn' }, empty)).rejects.toThrow('images in');
    await expect(adapted({ method: 'adabn', test: empty })).rejects.toThrow();
    await draw(join(empty, 'circle', '0.png'), 1, 0, true);
    await draw(join(empty, 'disc', '0.png'), 1, 0, true);
    // It has no --classes.
    await expect(adapted({ method: 'adabn', test: empty })).rejects.toThrow(/got "circle".*; rename them$/);
    const other = join(empty, 'other.pth');
    save({ weight: load(file('run', 'model_best.pth')) }, other);
    await expect(adapted({ method: 'adabn', checkpoint: other })).rejects.toThrow();
  });
});
