import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { describe, expect, it } from 'vitest';
import { load, runtimeInfo, save, setNumThreads, type Tensor, tensor } from '../../lib/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { tmp } from '../helpers/index.ts';
import { message } from '../nn/messages.ts';
import {
  begin,
  type Case,
  cases,
  difference,
  fixtures,
  numbersOf,
  optionsOf,
  titleOf,
  within,
} from './optim-db.ts';

// A team of threads takes longer to meet than such small parameters to move.
setNumThreads(1);

/** After ten steps of numbers around 1. */
const BOUND: Record<string, number> = { float32: 1e-6, float64: 1e-12, complex128: 1e-12 };

function boundOf({ optimizer, dtype }: Case): number {
  // Its directions are bfloat16, where a bit may fall either way.
  if (optimizer === 'Muon') return 1e-6;
  return BOUND[dtype] as number;
}

// A last bit in a product of matrices grows step by step: compared where libtorch's kernels are those that recorded.
const RECORDED_ON = 'AVX2';
const amplifies = ({ optimizer }: Case) => optimizer === 'LBFGS' || optimizer === 'Muon';
const isOther = runtimeInfo().cpuCapability !== RECORDED_ON;

const played = cases.filter(({ result }) => result !== null);
const refused = cases.filter(({ result }) => result === null);

function expectParams(one: Case, params: readonly Tensor[], want: readonly number[][]): void {
  const far = params.flatMap((param, i) =>
    numbersOf(param).filter((x, j) => !within(x, want[i]?.[j] as number, boundOf(one))),
  );
  expect(far).toEqual([]);
}

describe('every optimizer with every option set of its tests in PyTorch', () => {
  it.for(played.map((one) => [titleOf(one), one] as const))(
    '%s gives the same numbers',
    ([, one], context: TestContext) => {
      if (amplifies(one) && isOther) context.skip(`recorded on ${RECORDED_ON}`);
      const { params, optimizer, step } = begin(one);
      const want = one.result as NonNullable<Case['result']>;
      for (let i = 0; i < 10; i++) {
        step(i);
        if (i === 0) expectParams(one, params, want[1]);
      }
      expectParams(one, params, want[10]);
      const saved = optimizer.stateDict();
      expect([...saved.state.keys()].map(String)).toEqual(Object.keys(want.state));
      for (const [number, entry] of Object.entries(want.state)) {
        const mine = saved.state.get(Number(number)) as Record<string, unknown>;
        expect(Object.keys(mine).sort()).toEqual(Object.keys(entry).sort());
        const different = Object.entries(entry).map(([key, value]) =>
          difference(mine[key], value, boundOf(one), key),
        );
        expect(different.filter((text) => text !== undefined)).toEqual([]);
      }
      expect(saved.param_groups).toEqual(want.param_groups);
    },
  );

  it('refuses those that need a rate in a tensor, or steps that autograd records', () => {
    const reasons = refused.map((one) => {
      const { lr, ...rest } = optionsOf(one);
      const isTensor = typeof lr === 'object';
      const plainRate = typeof lr === 'number' ? { lr } : {};
      return message(() =>
        begin({ ...one, options: {} }, { ...rest, ...(isTensor ? { lr: tensor(1e-3) } : plainRate) }),
      );
    });
    const kinds = reasons.map((text) =>
      text.replace(/for \w+ /, 'for _ ').replace('above 0', 'of at least 0'),
    );
    expect([...new Set(kinds)].sort()).toMatchInlineSnapshot(`
      [
        "TypeError: Expected a number of at least 0 for _ lr, got a Tensor; pass its item()",
        "TypeError: Expected false, since steps are not recorded for autograd, for _ differentiable, got true",
      ]
    `);
    expect(refused.length).toBeGreaterThan(60);
  });
});

/** Parameters and optimizer state after five steps in Python, by the case's number. */
type Halves = Record<string, { params: Tensor[]; optimizer: unknown }>;
const halves = new Map(Object.entries(load<Halves>(join(fixtures, 'optim-db.pth'))));
const halved = [...halves.keys()].map((key) => [titleOf(cases[Number(key)] as Case), key] as const);

/** Goes on from a saved half. */
function goOn(key: string, half: Halves[string], from = 5) {
  const one = cases[Number(key)] as Case;
  const training = begin(one, one.optimizer === 'SparseAdam' ? { lr: 9 } : {});
  for (const [i, param] of training.params.entries()) param.detach().copy_(half.params[i] as Tensor);
  training.optimizer.loadStateDict(half.optimizer);
  for (let i = from; i < 10; i++) training.step(i);
  return { one, ...training };
}

describe('training with any optimizer', () => {
  it.each(halved)('that Python began goes on here: %s', (_, key) => {
    const { one, params } = goOn(key, halves.get(key) as Halves[string]);
    expectParams(one, params, (one.result as NonNullable<Case['result']>)[10]);
  });

  it('goes on from its own file bit for bit', () => {
    const path = join(tmp(), 'halves.pth');
    const made = Object.fromEntries([...halves.keys()].map((key) => [key, half(key)]));
    save(made, path);
    for (const [key, saved] of Object.entries(load<Halves>(path))) {
      const whole = begin(cases[Number(key)] as Case);
      for (let i = 0; i < 10; i++) whole.step(i);
      expect(goOn(key, saved).params.map(numbersOf)).toEqual(whole.params.map(numbersOf));
    }
  });

  it.skipIf(noPythonTorch)('goes on in Python as here', () => {
    const path = join(tmp(), 'halves.pth');
    save(Object.fromEntries([...halves.keys()].map((key) => [key, half(key)])), path);
    const there: Record<string, number[][]> = JSON.parse(
      runPython(CONTINUE, path, join(fixtures, 'optim-db.json.gz')),
    );
    expect(Object.keys(there)).toEqual([...halves.keys()]);
    for (const [key, want] of Object.entries(there)) {
      const one = cases[Number(key)] as Case;
      const whole = begin(one);
      for (let i = 0; i < 10; i++) whole.step(i);
      expectParams(one, whole.params, want);
    }
  });
});

function half(key: string): Halves[string] {
  const { params, optimizer, step } = begin(cases[Number(key)] as Case);
  for (let i = 0; i < 5; i++) step(i);
  return { params: params.map((param) => param.detach()), optimizer: optimizer.stateDict() };
}

const CONTINUE = `
import gzip, json, sys, torch
halves = torch.load(sys.argv[1], weights_only=True)
recorded = json.loads(gzip.open(sys.argv[2]).read())
draw = lambda printed: torch.tensor(printed['data'], dtype=torch.float64).reshape(printed['shape'])[..., 0].float()
def go_on(case, half):
    data = recorded['data'][case['data']]
    params = [param.clone().requires_grad_() for param in half['params']]
    groups = params if case['optimizer'] == 'LBFGS' else [{'params': params[:2]}, {'params': params[2:]}]
    optimizer = getattr(torch.optim, case['optimizer'])(groups)
    optimizer.load_state_dict(half['optimizer'])
    def closure():
        optimizer.zero_grad()
        loss = sum(((i + 1) * (p - 0.5) ** 2).sum() + (p**4).sum() / 4 for i, p in enumerate(params))
        loss.backward()
        return loss
    for number in range(5, 10):
        for i, param in enumerate(params):
            values = draw(data['grads'][number][i])
            rows = torch.tensor([recorded['rows'][i]])
            param.grad = torch.sparse_coo_tensor(rows, values, param.shape) if case['data'] == 'sparse' else values
        optimizer.step(closure) if case['optimizer'] == 'LBFGS' else optimizer.step()
    return [param.detach().double().flatten().tolist() for param in params]
print(json.dumps({key: go_on(recorded['cases'][int(key)], half) for key, half in halves.items()}))
`;
