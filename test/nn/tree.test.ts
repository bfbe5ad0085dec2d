import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { ones, randn, type Tensor, zeros } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';

class Shared extends nn.Module {
  first = new nn.Linear(2, 2);
  second = this.first;
  norm = new nn.BatchNorm1d(2);

  forward(x: Tensor): Tensor {
    return this.norm.forward(this.second.forward(this.first.forward(x)));
  }
}

const names = (pairs: readonly (readonly [string, unknown])[]) => pairs.map(([name]) => name);

describe('modules below a module', () => {
  it('take a prefix in its place or by name, and nothing else', () => {
    const net = new nn.Sequential(new nn.BatchNorm1d(2));
    const first = (list: [string, unknown][]) => list.map(([name]) => name)[0];
    for (const prefix of ['m', { prefix: 'm' }]) {
      expect(first(net.namedParameters(prefix))).toBe('m.0.weight');
      expect(first(net.namedBuffers(prefix))).toBe('m.0.running_mean');
      expect(first(net.namedModules(prefix))).toBe('m');
    }
    expect([...net.stateDict({ prefix: 'm.' }).keys()][0]).toBe('m.0.weight');
    expect(net.namedParameters({ recurse: false })).toEqual([]);
    for (const wrong of [3, { prefix: 3 }, { prefx: 'm' }, null] as never[]) {
      for (const method of ['namedParameters', 'namedBuffers', 'namedModules', 'stateDict'] as const)
        expect(() => net[method](wrong)).toThrow(/^Expected/);
    }
  });

  it('are listed once, or under every name', () => {
    const model = new Shared();
    expect(names(model.namedModules('net'))).toEqual(['net', 'net.first', 'net.norm']);
    const all = { removeDuplicate: false };
    expect(names(model.namedModules('', all))).toEqual(['', 'first', 'second', 'norm']);
    expect(names(model.namedParameters())).toHaveLength(4);
    expect(names(model.namedParameters('', all))).toHaveLength(6);
    expect(names(model.namedParameters('p', { recurse: false }))).toEqual([]);
    expect(names(model.namedBuffers('p'))).toEqual([
      'p.norm.running_mean',
      'p.norm.running_var',
      'p.norm.num_batches_tracked',
    ]);
    expect(model.namedChildren().map(([name]) => name)).toEqual(['first', 'second', 'norm']);
  });

  it('are had and replaced by path, parameters and buffers too', () => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.ReLU()));
    const gelu = new nn.GELU();
    model.setSubmodule('1.0', gelu);
    expect(model.getSubmodule('1.0')).toBe(gelu);
    model.setSubmodule('1.1', new nn.Identity());
    expect(model.getParameter('0.weight')).toBe((model.get(0) as nn.Linear).weight);
    expect(new Shared().getBuffer('norm.running_var').shape).toEqual([2]);
    expect([
      message(() => model.setSubmodule('1.2', gelu, { strict: true })),
      message(() => model.setSubmodule('', gelu)),
      message(() => model.setSubmodule('9.0', gelu)),
      message(() => model.setSubmodule('0.weight', gelu)),
      message(() => model.setSubmodule('0', 3 as never)),
      message(() => model.getParameter('0.scale')),
      message(() => model.getParameter('1.0.weight')),
      message(() => model.getBuffer('0.weight')),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Sequential has no submodule "2" (path "1.2"); it has 0, 1",
        "RangeError: Expected the path of a submodule for setSubmodule, got """,
        "RangeError: Sequential has no submodule "9" (path "9"); it has 0, 1",
        "RangeError: Linear has "weight", which is no submodule (path "0.weight")",
        "TypeError: Expected a Module for Sequential entry "0", got number",
        "RangeError: Linear has no parameter "scale" (path "0.scale"); it has weight, bias",
        "RangeError: GELU has no parameter "weight" (path "1.0.weight"); it has none",
        "RangeError: Linear has no buffer "weight" (path "0.weight"); it has none",
      ]
    `);
  });

  it('share weights, freeze and learn at rates of their own', () => {
    const model = new Shared();
    model.first.requiresGrad_(false);
    model
      .forward(randn([4, 2]))
      .sum()
      .backward();
    expect(model.first.weight.grad).toBeNull();
    expect(model.norm.weight?.grad).not.toBeNull();
    model.zeroGrad();
    expect(model.norm.weight?.grad).toBeNull();
    const seen: string[] = [];
    model.apply((module) => seen.push(module.constructor.name));
    expect(seen).toEqual(['Linear', 'Linear', 'BatchNorm1d', 'Shared']);
  });
});

describe('hooks of state dicts', () => {
  it('run before and after one is made, and may change it', () => {
    const model = new nn.Sequential(new nn.Linear(1, 1));
    const seen: unknown[] = [];
    model.get(0).registerStateDictPreHook((module, prefix) => seen.push(module.constructor.name, prefix));
    const handle = model.get(0).registerStateDictPostHook((_, state, prefix, metadata) => {
      seen.push(metadata);
      state.delete(`${prefix}bias`);
    });
    expect([...model.stateDict().keys()]).toEqual(['0.weight']);
    expect(seen).toEqual(['Linear', '0.', { version: 1 }]);
    handle.remove();
    expect([...model.clone().stateDict().keys()]).toEqual(['0.weight', '0.bias']);
  });

  it('rename entries before a load', () => {
    const model = new nn.Sequential(new nn.Linear(1, 1));
    model.get(0).registerLoadStateDictPreHook((_, { entries, prefix, strict }) => {
      expect(strict).toBe(true);
      entries.set(`${prefix}weight`, entries.get(`${prefix}kernel`));
      entries.delete(`${prefix}kernel`);
    });
    const state = { '0.kernel': ones([1, 1]), '0.bias': zeros([1]) };
    expect(model.loadStateDict(state).missingKeys).toEqual([]);
    expect(model.clone().loadStateDict(state).loaded).toEqual(['0.weight', '0.bias']);
  });

  it('forgive keys after a load, and see the loaded numbers', () => {
    const model = new nn.Sequential(new nn.Linear(1, 1));
    const seen: unknown[] = [];
    model.registerLoadStateDictPostHook(() => seen.push('parent'));
    model.get(0).registerLoadStateDictPostHook((module, keys) => {
      seen.push((module as nn.Linear).weight.item(), keys.missingKeys.splice(0));
    });
    expect(model.loadStateDict({ '0.weight': ones([1, 1]).mul(3) }).missingKeys).toEqual([]);
    expect(seen).toEqual([3, ['0.bias'], 'parent']);
    expect(message(() => model.loadStateDict({ '0.weight': ones([1, 1]), other: ones([1]) }))).toMatch(
      /Unexpected key\(s\) in state_dict: "other"/,
    );
  });
});

describe('ParameterList and ParameterDict', () => {
  it('print, name and copy their parameters as PyTorch does', () => {
    const list = new nn.ParameterList([ones([2, 3]), ones([4])]);
    const dict = new nn.ParameterDict({ b: ones([2, 3]), a: ones([]) });
    expect(list.toString()).toBe(`ParameterList(
    (0): Parameter containing: [torch.float32 of size 2x3]
    (1): Parameter containing: [torch.float32 of size 4]
)`);
    expect(dict.toString()).toBe(`ParameterDict(
    (a): Parameter containing: [torch.FloatTensor of size ]
    (b): Parameter containing: [torch.FloatTensor of size 2x3]
)`);
    expect([...dict.clone().stateDict().keys()]).toEqual(['a', 'b']);
    expect(
      new nn.ParameterDict(
        new Map([
          ['9', ones([1])],
          ['1', ones([1])],
        ]),
      ).keys(),
    ).toEqual(['9', '1']);
  });

  it('give, replace and train their parameters', () => {
    const list = new nn.ParameterList([ones([2])]).append(ones([3]));
    list.set(-1, zeros([3]));
    list[0] = new nn.Parameter(zeros([2]));
    expect([...list].map((parameter) => parameter.sum().item())).toEqual([0, 0]);
    list.get(0).sum().backward();
    expect(list[0]?.grad?.toArray()).toEqual([1, 1]);
    const dict = new nn.ParameterDict().set('scale', ones([2]));
    expect([dict.has('scale'), dict.delete('scale'), dict.length]).toEqual([true, true, 0]);
    list.loadStateDict({ 0: ones([2]), 1: ones([3]) });
    expect(list.get(1).sum().item()).toBe(3);
  });

  it('say what is wrong', () => {
    const list = new nn.ParameterList([ones([2])]);
    expect([
      message(() => list.get(1)),
      message(() => list.append(1 as never)),
      message(() => new nn.ParameterList(ones([2]) as never)),
      message(() => new nn.ParameterDict({ 'a.b': ones([1]) })),
      message(() => new nn.ParameterDict({ forward: ones([1]) })),
      message(() => list.forward()),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected an index of ParameterList from 0 to 0, got 1",
        "TypeError: Expected a Tensor for ParameterList entry "1", got number",
        "TypeError: Expected a list of Tensors for ParameterList, got something else",
        "RangeError: Expected a name without dots for a ParameterDict entry, got "a.b"",
        "RangeError: Expected a free name for a ParameterDict entry, got "forward", which the module already uses",
        "TypeError: ParameterList has no forward; use its parameters",
      ]
    `);
  });
});
