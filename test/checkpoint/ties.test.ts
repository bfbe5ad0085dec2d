import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadInto, save, saveSafetensors } from '../../lib/checkpoint/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, ones, scope, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';

const norms = (count: number): nn.Sequential =>
  new nn.Sequential(...Array.from({ length: count }, () => new nn.BatchNorm1d(2)));

/** A state dict in which tensors of the same name below their module are one and the same. */
function shared(model: nn.Module): Map<string, Tensor> {
  const one = new Map<string, Tensor>();
  const state = new Map<string, Tensor>();
  for (const [key, value] of model.stateDict()) {
    const name = key.slice(key.lastIndexOf('.') + 1);
    if (!one.has(name)) one.set(name, value.clone());
    state.set(key, one.get(name) as Tensor);
  }
  return state;
}

function saved(state: Map<string, Tensor>): string {
  const path = join(tmp(), 'weights.pth');
  save(state, path);
  return path;
}

const pointers = (model: nn.Module): bigint[] =>
  [...model.stateDict().values()].map((value) => value.untypedStorage().dataPtr());

function expectOwnMemory(model: nn.Module): void {
  const all = pointers(model);
  expect(new Set(all).size).toBe(all.length);
}

const mapped = [{ mmap: false }, { mmap: true }];

describe.each(mapped)('loadInto of a file whose tensors share memory (%o)', (options) => {
  it('counts one batch once, with twenty counters that one script filled from one zero', () => {
    const model = norms(20);
    loadInto(model, saved(shared(model)), options);
    model.train().forward(ones([4, 2]));
    for (const norm of model.children() as nn.BatchNorm1d[]) expect(norm.num_batches_tracked?.item()).toBe(1);
    expectOwnMemory(model);
  });

  it('lets variances drift by themselves', () => {
    const model = norms(2);
    loadInto(model, saved(shared(model)), options);
    const [first, second] = model.children() as nn.BatchNorm1d[];
    noGrad(() => first?.running_var?.fill_(7));
    expect(second?.running_var?.toArray()).toEqual([1, 1]);
  });

  it('steps weights that only the file shares once', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
    loadInto(model, saved(shared(model)), options);
    const before = (model[0] as nn.Linear).weight.toArray();
    noGrad(() => {
      for (const parameter of model.parameters()) parameter.add_(1);
    });
    expect((model[0] as nn.Linear).weight.toArray()).toEqual(
      (before as number[][]).map((row) => row.map((value) => Math.fround(value + 1))),
    );
    expectOwnMemory(model);
  });

  it('copies what are views of one storage, which would be kept whole', () => {
    const model = new nn.Linear(2, 3);
    const flat = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const path = saved(
      new Map([
        ['weight', flat.narrow(0, 0, 6).view([3, 2])],
        ['bias', flat.narrow(0, 6, 3)],
      ]),
    );
    loadInto(model, path, options);
    expect(model.weight.untypedStorage().nbytes).toBe(24);
    noGrad(() => model.weight.fill_(0));
    expect(model.bias?.toArray()).toEqual([7, 8, 9]);
  });

  it('keeps the ties that the module has', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
    (model[1] as nn.Linear).weight = (model[0] as nn.Linear).weight;
    const alias = (model[0] as nn.Linear).bias?.detach() as Tensor;
    (model[0] as nn.Linear).registerBuffer('alias', alias, { persistent: false });
    const state = new Map([
      ['0.weight', ones([2, 2])],
      ['0.bias', tensor([3, 4])],
      ['1.weight', ones([2, 2])],
      ['1.bias', zeros([2])],
    ]);
    loadInto(model, saved(state), options);
    expect((model[1] as nn.Linear).weight).toBe((model[0] as nn.Linear).weight);
    expect((model[1] as nn.Linear).weight.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(alias.toArray()).toEqual([3, 4]);
  });

  it('gives each place of a module on meta memory of its own', () => {
    const model = new nn.Sequential(
      new nn.Linear(2, 2, { device: 'meta' }),
      new nn.Linear(2, 2, { device: 'meta' }),
      new nn.Linear(2, 2, { device: 'meta' }),
    );
    (model[2] as nn.Linear).weight = (model[0] as nn.Linear).weight;
    const state = shared(new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2), new nn.Linear(2, 2)));
    loadInto(model, saved(state), options);
    expect((model[2] as nn.Linear).weight).toBe((model[0] as nn.Linear).weight);
    expect(new Set(pointers(model)).size).toBe(5);
  });

  it('takes what nobody else has without a copy', () => {
    const model = new nn.Linear(2, 3);
    const path = saved(new nn.Linear(2, 3).stateDict());
    const before = pointers(model);
    loadInto(model, path, options);
    expect(pointers(model)[0]).not.toBe(before[0]);
  });
});

describe('loadStateDict with assign: compatible', () => {
  it('gives two modules that are filled from one state dict memory of their own', () => {
    const [first, second] = [new nn.Linear(2, 3), new nn.Linear(2, 3)];
    const state = new Map(new nn.Linear(2, 3).stateDict());
    for (const model of [first, second]) model.loadStateDict(state, { assign: 'compatible' });
    noGrad(() => first.weight.fill_(9));
    expect(second.weight.toArray()).toEqual((state.get('weight') as Tensor).toArray());
  });

  it('reads safetensors files, whose tensors never share memory, in the same way', () => {
    const path = join(tmp(), 'weights.safetensors');
    const model = norms(3);
    scope(() => saveSafetensors(shared(model), path));
    loadInto(model, path);
    expectOwnMemory(model);
  });
});
