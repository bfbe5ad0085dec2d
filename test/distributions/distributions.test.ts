import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, distributions, manualSeed, ones, type Tensor, tensor, zeros } from '../../lib/index.ts';

const { Bernoulli, Beta, Categorical, Dirichlet, Normal, klDivergence } = distributions;

type Numbers = (number | null)[];
interface Case {
  name: string;
  parameter: number[][];
  other: number[][];
  batchShape: number[];
  eventShape: number[];
  shape: number[];
  rsample?: Numbers;
  rsampleGradient?: Numbers;
  [figures: string]: unknown;
}

/** By scripts/fixtures/distributions.py, torch 2.13. */
const cases: Case[] = JSON.parse(
  readFileSync(new URL('../fixtures/distributions.json', import.meta.url), 'utf8'),
);

const MAKERS: Record<string, (parameter: Tensor) => distributions.Distribution> = {
  Normal: (x) => new Normal(x.select(0, 0), x.select(0, 1)),
  Beta: (x) => new Beta(x.select(0, 0), x.select(0, 1)),
  Dirichlet: (x) => new Dirichlet(x),
  Bernoulli: (x) => new Bernoulli(x),
  BernoulliLogits: (logits) => new Bernoulli({ logits }),
  Categorical: (probs) => new Categorical({ probs }),
  CategoricalLogits: (logits) => new Categorical({ logits }),
};
const made = ({ name }: Case, parameter: Tensor) =>
  (MAKERS[name] as (x: Tensor) => distributions.Distribution)(parameter);
const parameterOf = ({ parameter }: Case) => tensor(parameter, { requiresGrad: true });

function expectClose(got: Tensor, expected: unknown): void {
  const numbers = got.detach().flatten().toArray<number[]>();
  expect(numbers.length).toBe((expected as Numbers).length);
  for (const [i, value] of (expected as Numbers).entries()) {
    if (value === null) expect(numbers[i]).toBeNaN();
    else expect(Math.abs((numbers[i] as number) - value)).toBeLessThanOrEqual(1e-6 + 1e-5 * Math.abs(value));
  }
}

describe.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
  it("draws Python's values under the same seed, one draw after the other", () => {
    const p = made(one, parameterOf(one));
    expect([p.batchShape, p.eventShape]).toEqual([one.batchShape, one.eventShape]);
    manualSeed(1234);
    const sample = p.sample([4]);
    expect(sample.shape).toEqual(one.shape);
    expect(sample.requiresGrad).toBe(false);
    expectClose(sample, one.sample);
    expectClose(p.sample(), one.next);
  });

  it('has the densities, gradients, entropy, divergence and moments of torch', () => {
    const parameter = parameterOf(one);
    const p = made(one, parameter);
    const sample = tensor(one.sample as number[]).reshape(one.shape);
    const logProb = p.logProb(sample);
    expectClose(logProb, one.logProb);
    for (const name of ['mean', 'mode', 'variance'] as const) expectClose(p[name], one[name]);
    expectClose(
      p.stddev,
      (one.variance as Numbers).map((v) => (v === null ? null : Math.sqrt(v))),
    );
    expectClose(p.entropy(), one.entropy);
    expectClose(klDivergence(p, made(one, tensor(one.other))), one.kl);
    logProb.sum().backward();
    expectClose(parameter.grad as Tensor, one.gradient);
  });

  it.runIf(one.rsample !== undefined)('passes gradients through rsample', () => {
    const parameter = parameterOf(one);
    manualSeed(99);
    const drawn = made(one, parameter).rsample([2]);
    expectClose(drawn, one.rsample);
    const weights = arange(1, (one.rsample as Numbers).length + 1).reshape(drawn.shape);
    drawn.mul(weights).sum().backward();
    expectClose(parameter.grad as Tensor, one.rsampleGradient);
  });
});

describe('distributions', () => {
  // As Python prints them.
  it('print their parameters, or the shapes of large ones', () => {
    expect([
      String(new Normal(0, 1)),
      String(new Normal(zeros([2]), 1)),
      String(new Dirichlet(ones([3]))),
      String(new Bernoulli(0.3)),
      String(new Bernoulli({ logits: zeros([2]) })),
      String(new Categorical(ones([3]))),
      String(new Categorical({ logits: zeros([1]) })),
      String(new Beta(2, 3)),
    ]).toEqual([
      'Normal(loc: 0.0, scale: 1.0)',
      'Normal(loc: torch.Size([2]), scale: torch.Size([2]))',
      'Dirichlet(concentration: torch.Size([3]))',
      'Bernoulli(probs: 0.30000001192092896)',
      'Bernoulli(logits: torch.Size([2]))',
      'Categorical(probs: torch.Size([3]))',
      'Categorical(logits: tensor([0.]))',
      'Beta()',
    ]);
  });

  it('refuse parameters outside their range, and values outside the support', () => {
    expect(() => new Normal(0, -1)).toThrow("Expected Normal's scale to be greater than 0, got tensor(-1.)");
    expect(() => new Bernoulli(1.5)).toThrow(/Bernoulli's probs to be from 0 to 1/);
    expect(() => new Dirichlet(tensor(1))).toThrow(/dimension of classes/);
    expect(() => new Categorical({ probs: tensor([1, -1, 3]) })).toThrow(/sum of 1/);
    expect(() => new Bernoulli(0.5).logProb(tensor(0.3))).toThrow(
      /value for logProb of Bernoulli to be 0 or 1/,
    );
    expect(() => new Categorical(tensor([1, 1])).logProb(tensor(2))).toThrow(/integers from 0 to 1/);
    expect(() => new Normal(0, -1, { validateArgs: false })).not.toThrow();
  });

  it('say what was given instead of one of probs and logits', () => {
    expect(() => new Bernoulli({ probs: 0.5, logits: 0 } as never)).toThrow(/got both/);
    expect(() => new Bernoulli({ prob: 0.5 } as never)).toThrow(
      /Expected probs or logits for Bernoulli, got "prob"/,
    );
    expect(() => new Normal(0, 1, { validate: true } as never)).toThrow(/validateArgs/);
    expect(() => new Normal(0, 1).sample(3 as never)).toThrow(/sizes in an array/);
    expect(() => new Categorical(tensor([1, 1])).rsample()).toThrow(/Categorical: use sample\(\)/);
    expect(() => klDivergence(new Normal(0, 1), new Beta(1, 1))).toThrow(/got Normal and Beta/);
  });

  it('invert the cumulative probability of a normal distribution', () => {
    const p = new Normal(1, 2);
    expect(p.cdf(tensor(1)).item()).toBe(0.5);
    expectClose(p.icdf(p.cdf(tensor([-1, 0.5, 4]))), [-1, 0.5, 4]);
  });
});
