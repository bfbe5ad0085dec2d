import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nn, ones, optim, type Tensor, tensor, zeros } from '../../lib/index.ts';
import { root } from '../helpers/index.ts';
import { message } from '../nn/messages.ts';

const leaf = (shape: number[] = [2]): Tensor => ones(shape).requiresGrad_();

function adam(): { optimizer: optim.Adam; param: Tensor } {
  const param = leaf();
  param.grad = ones([2]);
  return { optimizer: new optim.Adam([param], { lr: 0.1 }), param };
}

describe('hooks of an optimizer', () => {
  it('run around each step, those of all optimizers outside', () => {
    const { optimizer } = adam();
    const calls: string[] = [];
    const handles = [
      optim.registerOptimizerStepPreHook(() => void calls.push('all, before')),
      optim.registerOptimizerStepPostHook(() => void calls.push('all, after')),
      optimizer.registerStepPreHook((one) => void calls.push(`before ${one === (optimizer as never)}`)),
      optimizer.registerStepPostHook(() => void calls.push('after')),
    ];
    optimizer.step(() => calls.push('closure'));
    const order = ['all, before', 'before true', 'closure', 'after', 'all, after'];
    expect(calls).toEqual(order);
    for (const handle of handles) handle.remove();
    optimizer.step();
    expect(calls).toEqual(order);
  });

  it('may put another closure in the place of that of the step', () => {
    const { optimizer } = adam();
    optimizer.registerStepPreHook(() => () => 'another');
    expect(optimizer.step(() => 'one')).toBe('another');
    optimizer.registerStepPreHook(() => 5);
    expect(message(() => optimizer.step())).toMatchInlineSnapshot(
      `"TypeError: Expected a closure or nothing from a step hook, got 5"`,
    );
  });

  it('see and replace states that are saved and loaded, in the order they were asked for', () => {
    const { optimizer } = adam();
    const calls: string[] = [];
    optimizer.registerStateDictPreHook(() => void calls.push('saving'));
    optimizer.registerStateDictPostHook((_, state) => ({ ...state, extra: 1 }));
    optimizer.registerStateDictPostHook((_, state) => void calls.push(`second sees ${'extra' in state}`));
    optimizer.registerStateDictPostHook(() => void calls.push('first'), { prepend: true });
    const state = optimizer.stateDict();
    expect(state).toHaveProperty('extra', 1);
    optimizer.registerLoadStateDictPreHook((_, given) => given ?? state);
    optimizer.registerLoadStateDictPostHook(() => void calls.push('loaded'));
    optimizer.loadStateDict(undefined);
    expect(calls).toEqual(['saving', 'first', 'second sees true', 'loaded']);
    expect(message(() => optimizer.registerStepPreHook(3 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a function for registerStepPreHook, got 3"`,
    );
  });
});

describe('parameter groups', () => {
  it('take named parameters, and keep the names in the state', () => {
    const model = new nn.Linear(2, 1);
    const optimizer = new optim.AdamW(model.namedParameters());
    expect(optimizer.stateDict().param_groups[0]).toMatchObject({
      param_names: ['weight', 'bias'],
      params: [0, 1],
    });
    const other = new optim.AdamW(new nn.Linear(2, 1).namedParameters());
    other.loadStateDict({ ...optimizer.stateDict(), param_groups: [{ lr: 1, params: [0, 1] }] });
    expect(other.paramGroups[0]?.paramNames).toEqual(['weight', 'bias']);
    expect(message(() => optimizer.addParamGroup({ params: [leaf()] }))).toMatchInlineSnapshot(
      `"RangeError: Expected parameters with names for AdamW, as in its first group, got some without"`,
    );
    expect(message(() => new optim.AdamW([['a', leaf()], leaf()] as never))).toMatchInlineSnapshot(
      `"TypeError: Expected names for all parameters of a group of AdamW or for none, got 1 of 2"`,
    );
  });

  it('may be added while training goes on', () => {
    const { optimizer, param } = adam();
    optimizer.step();
    const late = leaf();
    late.grad = ones([2]);
    optimizer.addParamGroup({ params: [late], lr: 0.5, betas: [0.5, 0.9] });
    optimizer.step();
    expect(optimizer.state.get(late)?.step).toHaveProperty('shape', []);
    expect([param.toArray(), late.toArray()].flat().map((x) => (x as number).toFixed(3))).toEqual([
      '0.800',
      '0.800',
      '0.500',
      '0.500',
    ]);
  });

  it('drop gradients, or fill them with zeros', () => {
    const { optimizer, param } = adam();
    optimizer.zeroGrad({ setToNone: false });
    expect(param.grad?.toArray()).toEqual([0, 0]);
    optimizer.zeroGrad();
    expect(param.grad).toBeNull();
  });
});

describe('optimizers refuse', () => {
  const of = (name: keyof typeof optim, options: object, params: unknown = [leaf([2, 2])]) =>
    message(() => Reflect.construct(optim[name] as never, [params, options]));

  it('options that are out of range', () => {
    const errors = [
      of('Adam', { betas: [0.9, 1] }),
      of('Adam', { betas: [0.9] }),
      of('Adam', { betas: 0.9 }),
      of('AdamW', { lr: -1 }),
      of('AdamW', { decoupledWeightDecay: false }),
      of('NAdam', { eps: Number.NaN }),
      of('Adadelta', { rho: 1.5 }),
      of('Adafactor', { beta2Decay: 1 }),
      of('Adafactor', { eps: [null, -1] }),
      of('Rprop', { etas: [1.5, 0.5] }),
      of('Rprop', { stepSizes: [1] }),
      of('Muon', { adjustLrFn: 'adamw' }),
      of('Muon', { nsSteps: 100 }),
      of('SparseAdam', { lr: 0 }),
      of('LBFGS', { lineSearchFn: 'wolfe' }),
      of('LBFGS', { maxIter: 0 }),
      of('RAdam', { weight_decay: 0.1 }),
      of('Adam', { lr: tensor(0.1) }),
      of('Adam', { foreach: 'yes' }),
    ];
    expect(errors).toMatchInlineSnapshot(`
      [
        "RangeError: Expected two numbers of at least 0 and below 1 for Adam betas, got [0.9, 1]",
        "RangeError: Expected two numbers of at least 0 and below 1 for Adam betas, got [0.9]",
        "TypeError: Expected two numbers of at least 0 and below 1 for Adam betas, got 0.9",
        "RangeError: Expected a number of at least 0 for AdamW lr, got -1",
        "RangeError: Expected a known option for AdamW, got "decoupledWeightDecay"; known options: lr, betas, eps, weightDecay, amsgrad, maximize, foreach, capturable, differentiable, fused",
        "RangeError: Expected a number of at least 0 for NAdam eps, got NaN",
        "RangeError: Expected a number from 0 to 1 for Adadelta rho, got 1.5",
        "RangeError: Expected a number of at most 0 for Adafactor beta2Decay, got 1",
        "RangeError: Expected a number of at least 0 or null, and a number of at least 0 for Adafactor eps, got an array",
        "RangeError: Expected a number between 0 and 1 and one above 1 for Rprop etas, got [1.5, 0.5]",
        "RangeError: Expected a smallest and a largest number for Rprop stepSizes, got [1]",
        "RangeError: Expected "original" or "match_rms_adamw" or null for Muon adjustLrFn, got "adamw"",
        "RangeError: Expected a whole number from 0 to 99 for Muon nsSteps, got 100",
        "RangeError: Expected a number above 0 for SparseAdam lr, got 0",
        "RangeError: Expected "strong_wolfe" or null for LBFGS lineSearchFn, got "wolfe"",
        "RangeError: Expected a whole number of at least 1 for LBFGS maxIter, got 0",
        "RangeError: Expected a known option for RAdam, got "weight_decay"; did you mean weightDecay?",
        "TypeError: Expected a number of at least 0 for Adam lr, got a Tensor; pass its item()",
        "TypeError: Expected a boolean or null for Adam foreach, got "yes"",
      ]
    `);
  });

  it('parameters that they cannot update', () => {
    const complex = zeros([2, 2], { dtype: 'complex64' }).requiresGrad_();
    const errors = [
      of('Adam', {}, leaf()),
      of('Adam', {}, []),
      of('Adam', {}, [leaf().mul(2)]),
      of('Adam', {}, ['weight']),
      of('Muon', {}, [leaf()]),
      of('Adafactor', {}, [complex]),
      of('SparseAdam', {}, [complex]),
      of('LBFGS', {}, [{ params: [leaf()] }, { params: [leaf()] }]),
    ];
    expect(errors).toMatchInlineSnapshot(`
      [
        "TypeError: Expected a list of Tensors or groups for Adam, got a Tensor",
        "RangeError: Expected at least one parameter for Adam, got an empty list",
        "RangeError: Expected a leaf Tensor for Adam parameter 0, got the result of an operation",
        "TypeError: Expected a Tensor or { params, ... } for Adam, got string",
        "RangeError: Expected real matrices for Muon, got float32 of shape [2] for parameter 0; AdamW takes any shape",
        "RangeError: Expected real parameters for Adafactor, got complex64 for parameter 0",
        "RangeError: Expected dense real parameters for SparseAdam, got complex64 for parameter 0",
        "RangeError: Expected one parameter group for LBFGS, got a second",
      ]
    `);
  });

  it('gradients of a layout that they have no rule for, and a step without what they need', () => {
    const param = leaf();
    param.grad = tensor([1, 0]).toSparse();
    expect(message(() => new optim.Adam([param]).step())).toMatchInlineSnapshot(
      `"RangeError: Expected a dense gradient for Adam, got a sparse one of shape [2]; SGD, Adagrad and SparseAdam take sparse ones"`,
    );
    expect(message(() => new optim.Adagrad([param], { weightDecay: 1 }).step())).toMatchInlineSnapshot(
      `"RangeError: Expected no weightDecay for Adagrad with sparse gradients, got 1"`,
    );
    param.grad = tensor([1, 0]);
    expect(message(() => new optim.SparseAdam([param]).step())).toMatchInlineSnapshot(
      `"RangeError: Expected a sparse gradient for SparseAdam, got a dense one of shape [2]; Adam takes dense ones"`,
    );
    expect(message(() => new optim.LBFGS([param]).step())).toMatchInlineSnapshot(
      `"TypeError: Expected a closure that computes the loss for LBFGS.step, got none"`,
    );
    expect(message(() => new optim.LBFGS([param]).step(() => undefined))).toMatchInlineSnapshot(
      `"TypeError: Expected a loss from the closure of LBFGS.step, got undefined"`,
    );
    const optimizer = new optim.RMSprop([param]);
    optimizer.step();
    Object.assign(optimizer.paramGroups[0] as object, { momentum: 0.9 });
    expect(message(() => optimizer.step())).toMatchInlineSnapshot(
      `"RangeError: Expected "momentumBuffer" in the state of each parameter for RMSprop, got none; set options that need it before the first step"`,
    );
  });

  it("another optimizer's state", () => {
    const param = leaf();
    param.grad = ones([2]);
    const stepped = (optimizer: optim.Optimizer<never>) => {
      optimizer.step();
      return optimizer.stateDict();
    };
    const load = (state: unknown) => message(() => new optim.Adam([param]).loadStateDict(state));
    const errors = [
      load(stepped(new optim.NAdam([param]) as never)),
      load(stepped(new optim.Adamax([param]) as never)),
      load(stepped(new optim.SGD([param], { momentum: 0.9 }) as never)),
    ];
    expect(errors).toMatchInlineSnapshot(`
      [
        "RangeError: Expected the state of Adam for Adam.loadStateDict, got one with option "momentum_decay", which NAdam has; load it into the kind of optimizer that saved it, or begin with a new state",
        "RangeError: Expected the state of Adam for Adam.loadStateDict, got one with state "exp_inf"; load it into the kind of optimizer that saved it, or begin with a new state",
        "RangeError: Expected the state of Adam for Adam.loadStateDict, got one with option "momentum", which SGD, RMSprop or Muon has; load it into the kind of optimizer that saved it, or begin with a new state",
      ]
    `);
    const adamW = new optim.AdamW([param]);
    adamW.loadStateDict(stepped(new optim.Adam([param]) as never));
    expect(adamW.paramGroups[0]?.decoupledWeightDecay).toBe(true);
  });
});

describe('old states of PyTorch', () => {
  it('may count steps in plain numbers', () => {
    const { optimizer, param } = adam();
    const { param_groups } = optimizer.stateDict();
    const entry = { step: 3, exp_avg: zeros([2]), exp_avg_sq: zeros([2]) };
    optimizer.loadStateDict({ state: { 0: entry }, param_groups });
    optimizer.step();
    expect((optimizer.state.get(param)?.step as Tensor | undefined)?.item()).toBe(4);
  });
});

describe('docs/optimizers.md', () => {
  it('has the tables that the generator writes', () => {
    const script = join(root, 'scripts/optim/gen-table.mjs');
    const fresh = execFileSync(process.execPath, [script, '--stdout'], { encoding: 'utf8' });
    expect(fresh).toBe(readFileSync(join(root, 'docs/optimizers.md'), 'utf8'));
  });
});
