import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load } from '../../lib/checkpoint/index.ts';
import { nn, optim, type Tensor, tensor } from '../../lib/index.ts';
import { root } from '../helpers/files.ts';

interface Case {
  options: Record<string, unknown>;
  half: { params: Tensor[]; optimizer: unknown };
  params: Tensor[];
}

// By scripts/optim/lamb.py.
const { start, gradients, cases } = load<{ start: Tensor[]; gradients: Tensor[][]; cases: Case[] }>(
  join(root, 'test/fixtures/optim/lamb.pth'),
);

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function build(options: Case['options'], values: readonly Tensor[]) {
  const params = values.map((value) => new nn.Parameter(value.clone()));
  const given = Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value]));
  const lr = (given.lr as number | undefined) ?? 1e-3;
  const groups = [{ params: params.slice(0, 2) }, { params: params.slice(2), lr: lr / 2 }];
  return { params, optimizer: new optim.Lamb(groups, given) };
}

function steps(params: readonly nn.Parameter[], optimizer: optim.Lamb, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    for (const [i, param] of params.entries())
      param.grad = step === 2 && i === 1 ? null : ((gradients[step] as Tensor[])[i] as Tensor).clone();
    optimizer.step();
  }
}

function expectEqual(params: readonly Tensor[], expected: readonly Tensor[]): void {
  for (const [i, param] of params.entries()) {
    const worst = param
      .detach()
      .sub(expected[i] as Tensor)
      .abs()
      .max()
      .item();
    expect(Number(worst)).toBeLessThan(1e-6);
  }
}

describe('Lamb', () => {
  it.each(cases.map((one) => [JSON.stringify(one.options), one] as const))(
    "steps as timm's with %s",
    (_, { options, params: expected }) => {
      const { params, optimizer } = build(options, start);
      steps(params, optimizer, 0, 6);
      expectEqual(params, expected);
      expect(
        Number(
          (params[0] as Tensor)
            .sub(start[0] as Tensor)
            .abs()
            .max()
            .item(),
        ),
      ).toBeGreaterThan(1e-4);
    },
  );

  it("goes on from timm's state, and gives one that has all it needs", () => {
    for (const { options, half, params: expected } of cases) {
      const { params, optimizer } = build(options, half.params);
      optimizer.loadStateDict(half.optimizer);
      steps(params, optimizer, 3, 5);
      const again = build(
        options,
        params.map((param) => param.detach()),
      );
      again.optimizer.loadStateDict(optimizer.stateDict());
      steps(again.params, again.optimizer, 5, 6);
      expectEqual(again.params, expected);
      expect(Number((optimizer.stateDict().param_groups as { step?: Tensor }[])[0]?.step?.item())).toBe(5);
    }
  });

  it('computes the loss first where there is a closure', () => {
    const weight = new nn.Parameter(tensor([1, 2]));
    const optimizer = new optim.Lamb([weight], { lr: 0.1 });
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const value = weight.square().sum();
      value.backward();
      return Number(value.item());
    });
    expect(loss).toBe(5);
    expect(Number(weight.square().sum().item())).toBeLessThan(5);
  });

  it('refuses values and states that it has no use for', () => {
    const weight = () => [new nn.Parameter(tensor([1, 2]))];
    const make = (options: object) => () => new optim.Lamb(weight(), options);
    expect(make({ maxGradNorm: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a number above 0, or null for Lamb maxGradNorm, got 0]`,
    );
    expect(make({ weight_decay: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a known option for Lamb, got "weight_decay"; did you mean weightDecay?]`,
    );
    expect(make({ betas: [0.9, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected two numbers of at least 0 and below 1 for Lamb betas, got [0.9, 1]]`,
    );
    const optimizer = new optim.Lamb(weight());
    const [group] = optimizer.stateDict().param_groups;
    expect(() =>
      optimizer.loadStateDict({ state: {}, param_groups: [{ ...group, caution: true }] }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a state without caution for Lamb.loadStateDict, got one with it]`,
    );
    expect(() => optimizer.loadStateDict({ state: {}, param_groups: [] })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected 1 parameter groups for Lamb.loadStateDict, got 0]`,
    );
    expect(() => optimizer.loadStateDict(3)).toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected a Map or object for Lamb.loadStateDict, got number]`,
    );
  });
});
