import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, loadInto, save, stateDictOf } from '../../lib/checkpoint/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { memoryStats, ones, zeros } from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/errors.ts';
import { tmp } from '../helpers/files.ts';
import { noPythonTorch, runPython } from './python-torch.ts';

const state = () =>
  new Map<string, unknown>([
    ['weight', ones([3, 2])],
    ['bias', ones([3])],
  ]);

function saved(value: unknown): string {
  const path = join(tmp(), 'checkpoint.pth');
  save(value, path);
  return path;
}

const withEntry = (key: string, value: unknown) => saved({ state_dict: state().set(key, value), epoch: 3 });

describe('loadInto and what is no tensor in a state dict', () => {
  it('names the culprit and not the good keys', () => {
    const { message } = errorOf(() => loadInto(new nn.Linear(2, 3), withEntry('epoch', 7)));
    expect(message).toMatchInlineSnapshot(`
      "Error(s) in loading state_dict for Linear:
      	Unexpected key(s) in state_dict: "epoch". "
    `);
  });

  it('leaves it out with strict: false', () => {
    const model = new nn.Linear(2, 3);
    const result = loadInto(model, withEntry('args', { lr: 0.1 }), { strict: false });
    expect(result).toEqual({ loaded: ['weight', 'bias'], missingKeys: [], unexpectedKeys: ['args'] });
    expect(model.bias?.toArray()).toEqual([1, 1, 1]);
  });

  it('refuses it in the place of a weight, with strict or without', () => {
    for (const strict of [true, false]) {
      const { message } = errorOf(() => loadInto(new nn.Linear(2, 3), withEntry('bias', 7), { strict }));
      expect(message).toContain(
        'While copying the parameter named "bias", expected a Tensor from checkpoint',
      );
    }
  });

  it('finds state dicts of tensors only before others, and inner ones', () => {
    const path = saved({ model: { epoch: 3, weights: state() }, net: { a: 1, b: zeros([1]) } });
    expect([...stateDictOf(load(path)).keys()]).toEqual(['weight', 'bias']);
    expect(loadInto(new nn.Linear(2, 3), path).loaded).toEqual(['weight', 'bias']);
  });

  it('stateDictOf names the entry, and leaves it out with strict: false', () => {
    const value = load(withEntry('epoch', 7));
    const error = errorOf(() => stateDictOf(value)) as Error & { key?: string; code?: string };
    expect([error.code, error.key]).toEqual(['ERR_CHECKPOINT_NO_STATE_DICT', 'epoch']);
    expect(error.message).toMatchInlineSnapshot(
      `"Expected tensors only in the state dict, got number at "epoch"; pass { strict: false } to leave it out"`,
    );
    expect([...stateDictOf(value, { strict: false }).keys()]).toEqual(['weight', 'bias']);
    expect(() => stateDictOf(value, { strickt: false } as never)).toThrow('did you mean strict');
  });
});

describe('loadInto and what lies beside the state dict', () => {
  it('does not read the numbers of an optimizer', () => {
    const path = saved({ state_dict: state(), optimizer: { moments: zeros([1 << 20]) } });
    const before = memoryStats().peakCpuBytes;
    loadInto(new nn.Linear(2, 3), path);
    expect(memoryStats().peakCpuBytes - before).toBeLessThan(1 << 20);
    load(path);
    expect(memoryStats().peakCpuBytes - before).toBeGreaterThan(1 << 22);
  });

  it('takes tensors of a state dict that share a storage with others', () => {
    const weight = ones([3, 2]);
    const path = saved({ ema: new Map([['weight', weight]]), state_dict: state().set('weight', weight) });
    const model = new nn.Linear(2, 3);
    loadInto(model, path);
    expect(model.weight.toArray()).toEqual(weight.toArray());
  });

  it.skipIf(noPythonTorch)('never fails for Python objects, sparse tensors and more', () => {
    const path = join(tmp(), 'checkpoint.pth');
    runPython(
      `
import argparse, collections, datetime, pathlib, sys, torch
model = torch.nn.Linear(2, 3)
torch.save({
    'args': argparse.Namespace(lr=0.1, out=pathlib.Path('/x')), 'when': datetime.datetime.now(),
    'scheduler': torch.optim.lr_scheduler.StepLR(torch.optim.SGD(model.parameters(), lr=0.1), 3),
    'sparse': torch.eye(3).to_sparse(), 'meta': torch.empty(3, device='meta'),
    'quantized': torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    'history': collections.defaultdict(list, loss=[1.0]),
    'state_dict': {**model.state_dict(), 'version': 3},
}, sys.argv[1])`,
      path,
    );
    const model = new nn.Linear(2, 3);
    expect(loadInto(model, path, { strict: false }).unexpectedKeys).toEqual(['version']);
    expect(errorOf(() => loadInto(model, path)).message).toContain(
      'Unexpected key(s) in state_dict: "version". ',
    );
  });

  it.skipIf(noPythonTorch)('takes a whole module of Python', () => {
    const path = join(tmp(), 'model.pt');
    runPython(
      'import sys, torch; torch.save({"model": torch.nn.Linear(2, 3), "epoch": 1}, sys.argv[1])',
      path,
    );
    expect(loadInto(new nn.Linear(2, 3), path).loaded).toEqual(['weight', 'bias']);
  });
});
