import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { save, saveSafetensors } from '../../lib/checkpoint/index.ts';
import { type ClassifyOptions, classify } from '../../lib/cli/classify/classify.ts';
import * as models from '../../lib/models/index.ts';
import { manualSeed, type Tensor } from '../../lib/tensor/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { fixture } from '../data/helpers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-classify-files-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const photo = fixture('images/modes/422.jpg');

function network(): models.ImageModel {
  manualSeed(0);
  return models.getModel('resnet18_ibn_a', { numClasses: 4 }) as models.ImageModel;
}

const state = (): Map<string, Tensor> => new Map(network().stateDict());
const mapped = (change: (key: string, value: Tensor) => [string, unknown]): Map<string, unknown> =>
  new Map([...state()].map(([key, value]) => change(key, value)));

interface Guess {
  index: number;
  probability: number;
}

async function guesses(checkpoint: string, options: Partial<ClassifyOptions> = {}): Promise<Guess[]> {
  let text = '';
  const stdout = { write: (piece: string) => (text += piece) };
  const streams = { stdin: [] as never, stdout, stderr: { write: (piece: string) => (text += piece) } };
  const defaults = { model: 'resnet18_ibn_a', top: 4, device: 'cpu', json: true, batchSize: 1 };
  const code = await classify([photo], { checkpoint, ...defaults, ...options }, streams);
  expect(code, text).toBe(0);
  return JSON.parse(text).predictions;
}

function saved(name: string, value: unknown): string {
  const path = join(scratch, name);
  save(value, path);
  return path;
}

const plain = saved('plain.pth', state());
const inOrder = (predictions: Guess[]) => [...predictions].sort((a, b) => a.index - b.index);

let ofPlain: Promise<Guess[]> | undefined;

async function expectSame(checkpoint: string, tolerance = 6, options: Partial<ClassifyOptions> = {}) {
  ofPlain ??= guesses(plain);
  const [want, got] = [inOrder(await ofPlain), inOrder(await guesses(checkpoint, options))];
  for (const [i, { probability }] of got.entries())
    expect(probability).toBeCloseTo((want[i] as Guess).probability, tolerance);
}

describe('classify loads what the API loads', () => {
  it.each(['module.', 'backbone.', 'model.', 'module.base.'])('keys with the prefix %s', async (prefix) => {
    await expectSame(saved('prefix.pth', { state_dict: mapped((key, value) => [prefix + key, value]) }));
  });

  it.each(['float16', 'bfloat16', 'float64'] as const)('weights of %s', async (dtype) => {
    const half = mapped((key, value) => [key, value.isFloatingPoint() ? value.to({ dtype }) : value]);
    await expectSame(saved('half.pth', { model: half }), 2);
  });

  it('computes in another dtype where one is asked for', async () => {
    await expectSame(plain, 2, { dtype: 'bfloat16' });
  });

  it('state dicts inside wrappers, beside anything', async () => {
    await expectSame(
      saved('nested.pth', { model: { state_dict: state(), epoch: 3 }, scaler: {}, args: [1] }),
    );
  });

  it('safetensors', async () => {
    const path = join(scratch, 'weights.safetensors');
    saveSafetensors(state(), path);
    await expectSame(path);
  });

  it('a number among the weights with --no-strict, and names it without', async () => {
    const path = saved('mixed.pth', state() as Map<string, unknown>);
    const mixed = saved('mixed.pth', new Map<string, unknown>(state()).set('epoch', 3));
    expect(mixed).toBe(path);
    await expectSame(mixed, 6, { strict: false });
    const error = await guesses(mixed).then(String, (failure: Error) => failure.message);
    expect(error).toContain('Unexpected key(s) in state_dict: "epoch"');
  });

  it('a plain network for one with IBN by --split-norms, which its advice names', async () => {
    manualSeed(0);
    const path = saved('resnet18.pth', models.getModel('resnet18', { numClasses: 4 }).stateDict());
    const error = await guesses(path).then(String, (failure: Error) => failure.message);
    expect(error).toContain('pass --split-norms');
    expect(error).not.toContain('splitNorms');
    expect(await guesses(path, { splitNorms: true })).toHaveLength(4);
  });

  it('says what a file without a classifier is good for', async () => {
    const headless = new Map([...state()].filter(([key]) => !key.startsWith('fc.')));
    const error = await guesses(saved('headless.pth', headless)).then(String, (e: Error) => e.message);
    expect(error.replaceAll(scratch, '<scratch>')).toMatchInlineSnapshot(
      `"Expected "fc.weight" or "classifier.weight" in <scratch>/headless.pth, got neither; pass a classifier's file, or see what is in this one: ibn-net inspect FILE"`,
    );
  });

  it.skipIf(noPythonTorch)('a half-precision training checkpoint of Python with its Namespace', async () => {
    const path = join(scratch, 'python.pth');
    runPython(
      `
import argparse, sys, torch
state = torch.load(sys.argv[1], weights_only=True)
half = {'module.' + key: value.half() if value.is_floating_point() else value for key, value in state.items()}
torch.save({'state_dict': half, 'args': argparse.Namespace(options=3, lr=0.1), 'epoch': 4}, sys.argv[2])`,
      plain,
      path,
    );
    await expectSame(path, 2);
  });
});
