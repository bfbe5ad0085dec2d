import { describe, expect, it } from 'vitest';
import * as segment from '../../../lib/segment/index.ts';
import { full, manualSeed, rand, randint, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';
import { published } from '../models/figures.ts';

interface Loss {
  loss: number;
  gradient: number[];
  norm: number;
}

const { losses } = published<unknown>('metrics') as { losses: Record<string, Loss> };

function draw() {
  manualSeed(9);
  const scores = scope(() => randn([2, 6, 13, 11]).mul(2)).requiresGrad_();
  const aux = randn([2, 6, 13, 11]).requiresGrad_();
  const labels = randint(0, 6, [2, 13, 11]);
  const target = scope(() => labels.maskedFill(rand([2, 13, 11]).lt(0.2), 255));
  const weight = scope(() => rand([6]).add(0.5));
  return { scores, aux, target, weight };
}

type Drawn = ReturnType<typeof draw>;
const CASES: Record<string, (drawn: Drawn) => Tensor> = {
  plain: ({ scores, target }) => segment.segmentLoss(scores, target),
  weighted: ({ scores, target, weight }) => segment.segmentLoss(scores, target, { weight }),
  aux: ({ scores, aux, target }) => segment.segmentLoss({ out: scores, aux }, target),
  'ohem threshold': ({ scores, target }) => segment.ohemCrossEntropy(scores, target, { minKept: 5 }),
  'ohem kept': ({ scores, target }) =>
    segment.segmentLoss(scores, target, { ohem: true, threshold: 0.001, minKept: 60 }),
  'ohem all': ({ scores, target }) => segment.segmentLoss(scores, target, { ohem: true }),
  'ohem weighted': ({ scores, aux, target, weight }) =>
    segment.segmentLoss({ out: scores, aux }, target, {
      ohem: true,
      threshold: 0.3,
      minKept: 20,
      weight,
      auxWeight: 0.25,
    }),
};

describe('losses and gradients are those of the same formulas in PyTorch', () => {
  it.each(Object.keys(losses))('%s', (name) => {
    const drawn = draw();
    const want = losses[name] as Loss;
    const loss = (CASES[name] as (drawn: Drawn) => Tensor)(drawn);
    loss.backward();
    expect(loss.item()).toBeCloseTo(want.loss, 5);
    const gradient = (drawn.scores.grad as Tensor).flatten();
    const all = gradient.toArray<number[]>();
    for (const [i, value] of want.gradient.entries()) expect(all[i * 97]).toBeCloseTo(value, 6);
    expect(gradient.norm().item()).toBeCloseTo(want.norm, 6);
  });
});

describe('a batch without a pixel that counts', () => {
  it.each([{}, { ohem: true }])('has loss 0 and gradients 0 (%o)', (options) => {
    const { scores } = draw();
    const target = full([2, 13, 11], 255, { dtype: 'int64' });
    const loss = segment.segmentLoss(scores, target, options);
    loss.backward();
    expect(loss.item()).toBe(0);
    expect(scores.grad?.abs().sum().item()).toBe(0);
  });
});

describe('bad input', () => {
  it.each([
    [() => segment.segmentLoss(randn([1, 3, 4, 4]), randint(0, 3, [1, 4, 5]))],
    [() => segment.segmentLoss(randn([1, 3, 4, 4]), randn([1, 4, 4]))],
    [() => segment.segmentLoss(randn([1, 3, 4, 4]), randint(0, 3, [1, 4, 4]), { minKept: 5 })],
    [() => segment.ohemCrossEntropy(randn([1, 3, 4, 4]), randint(0, 3, [1, 4, 4]), { minKept: 0 })],
  ])('is refused (%#)', (attempt) => {
    expect(attempt).toThrowErrorMatchingSnapshot();
  });
});
