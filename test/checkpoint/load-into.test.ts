import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { load, loadInto, save } from '../../lib/checkpoint/index.ts';
import { CheckpointError } from '../../lib/errors.ts';
import * as nn from '../../lib/nn/index.ts';
import { equal, memoryStats, noGrad, type Tensor, zeros } from '../../lib/tensor/index.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { fixturePath } from './fake-backend.ts';

const folder = mkdtempSync(join(tmpdir(), 'ibn-net-into-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The network of scripts/fixtures/checkpoint/checkpoint.py. */
const network = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(4, 2),
  );

const files = ['training.zip.pth', 'training.legacy.pth', 'network.safetensors'];

function stateOf(name: string): Map<string, Tensor> {
  const read = load<{ state_dict: Map<string, Tensor> } | Map<string, Tensor>>(fixturePath(name));
  return read instanceof Map ? read : read.state_dict;
}

describe('loadInto', () => {
  it.each(files)('fills a module from %s, mapped or not, and leaves nothing else behind', async (name) => {
    await collectGarbage();
    for (const mmap of [true, false]) {
      const model = network();
      const before = memoryStats().tensors;
      const result = loadInto(model, fixturePath(name), { mmap });
      expect(memoryStats().tensors).toBe(before);
      expect([result.loaded.length, result.missingKeys, result.unexpectedKeys]).toEqual([9, [], []]);
      for (const [key, value] of stateOf(name)) {
        expect(equal(model.stateDict().get(key) as Tensor, value)).toBe(true);
      }
    }
  });

  it('training what was loaded leaves the file alone', () => {
    const path = join(folder, 'model_best.pth.tar');
    save({ epoch: 1, state_dict: network().stateDict() }, path);
    const before = readFileSync(path);
    const model = network();
    loadInto(model, path);
    noGrad(() => model.parameters().map((parameter) => parameter.add_(1)));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('copies where the module has another dtype', () => {
    const model = network().double().eval();
    loadInto(model, fixturePath('network.safetensors'));
    expect(model.forward(zeros([1, 3, 3, 3], { dtype: 'float64' })).dtype).toBe('float64');
  });

  it('passes options on', () => {
    const path = join(folder, 'parallel.pth');
    const state = network().stateDict();
    save(new Map([...state].map(([key, value]) => [`module.${key}`, value])), path);
    expect(loadInto(network(), path, { stripPrefix: 'auto' }).strippedPrefix).toBe('module.');
    expect(() => loadInto(network(), path)).toThrow("pass { stripPrefix: 'module.' }");
    const head = new nn.Sequential(new nn.Conv2d(3, 4, 3));
    expect(loadInto(head, fixturePath('network.safetensors'), { strict: false }).loaded).toEqual([
      '0.weight',
      '0.bias',
    ]);
  });

  it('refuses files without a state dict', () => {
    expect(() => loadInto(network(), fixturePath('containers.zip.pth'))).toThrow(CheckpointError);
  });
});
