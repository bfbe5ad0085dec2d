import { describe, expect, it } from 'vitest';
import * as segment from '../../../lib/segment/index.ts';
import {
  arange,
  manualSeed,
  rand,
  randint,
  scope,
  type Tensor,
  tensor,
  where,
} from '../../../lib/tensor/index.ts';
import { published } from '../models/figures.ts';

interface Figures {
  case: [seed: number, classes: number, trueClasses: number, shape: number[]];
  matrix: number[];
  iou: (number | null)[];
  recall: (number | null)[];
  precision: (number | null)[];
  mIoU: number;
  pixelAccuracy: number;
  meanAccuracy: number;
  frequencyWeightedIoU: number;
  torchmetrics: { jaccard: number; accuracy: number };
}

const { metrics } = published<unknown>('metrics') as { metrics: Figures[] };

function draw([seed, classes, trueClasses, shape]: Figures['case']): { guess: Tensor; target: Tensor } {
  manualSeed(seed);
  return scope(() => {
    const target = randint(0, trueClasses, shape);
    const isRight = rand(shape).lt(0.6);
    const guess = where(isRight, target, randint(0, classes, shape));
    const left = rand(shape).lt(0.1);
    return { guess, target: target.maskedFill(left, 255) };
  });
}

const close = (got: readonly (number | null)[], want: readonly (number | null)[]) => {
  expect(got.map((value) => value === null)).toEqual(want.map((value) => value === null));
  for (const [i, value] of got.entries()) expect(Math.abs((value ?? 0) - (want[i] ?? 0))).toBeLessThan(1e-9);
};

describe("figures are scikit-learn's and torchmetrics'", () => {
  it.each(metrics.map((figures) => [figures.case.slice(0, 3).join('/'), figures] as const))(
    'seed/classes/classes in the truth %s',
    (_, want) => {
      const { guess, target } = draw(want.case);
      const [, numClasses] = want.case;
      const counts = segment.confusion(guess, target, { numClasses });
      expect(Array.from(counts)).toEqual(want.matrix);
      const lists = [guess, target].map((one) => one.flatten().toArray<number[]>()) as [number[], number[]];
      expect(Array.from(segment.confusion(...lists, { numClasses }))).toEqual(want.matrix);
      const got = segment.figuresOf(counts);
      close(
        got.perClass.map(({ iou }) => iou),
        want.iou,
      );
      close(
        got.perClass.map(({ accuracy }) => accuracy),
        want.recall,
      );
      close(
        got.perClass.map(({ precision }) => precision),
        want.precision,
      );
      const names = ['mIoU', 'pixelAccuracy', 'meanAccuracy', 'frequencyWeightedIoU'] as const;
      close(
        names.map((name) => got[name]),
        names.map((name) => want[name]),
      );
      // torchmetrics computes in float32.
      expect(got.mIoU).toBeCloseTo(want.torchmetrics.jaccard, 5);
      expect(got.pixelAccuracy).toBeCloseTo(want.torchmetrics.accuracy, 5);
    },
  );
});

describe('a streaming matrix', () => {
  it('gives what one over all pixels gives, from labels and from scores', () => {
    const { guess, target } = draw([7, 6, 6, [4, 9, 8]]);
    const metrics = new segment.SegmentMetrics(6);
    const whole = segment.confusion(guess, target, { numClasses: 6 });
    metrics.update(guess.narrow(0, 0, 1), target.narrow(0, 0, 1));
    const rest = guess.narrow(0, 1, 3);
    const scores = rest
      .unsqueeze(1)
      .eq(arange(6).view([1, 6, 1, 1]))
      .to('float32');
    metrics.update(scores, target.narrow(0, 1, 3));
    expect(metrics.confusion()).toEqual(whole);
    expect(metrics.summary()).toEqual(segment.figuresOf(whole));
    metrics.add(whole);
    expect(metrics.summary().pixels).toBe(2 * segment.figuresOf(whole).pixels);
  });

  it('counts in numbers that no batch can overflow', () => {
    const metrics = new segment.SegmentMetrics(2);
    metrics.add([2 ** 40, 0, 1, 2 ** 41]);
    metrics.add([1, 0, 0, 0]);
    expect(metrics.confusion()[0]).toBe(2 ** 40 + 1);
  });
});

describe('bad input', () => {
  const labels = (values: number[]) => tensor(values, { dtype: 'int64' });
  it.each([
    [() => segment.confusion([0], [0, 1], { numClasses: 2 })],
    [() => segment.confusion(labels([0, 1]), labels([0, 7]), { numClasses: 2 })],
    [() => segment.confusion(labels([0, -1]), labels([0, 1]), { numClasses: 2 })],
    [() => segment.confusion([0, 0.5], [0, 1], { numClasses: 2 })],
    [() => segment.confusion(labels([0, 255]), labels([0, 255]), { numClasses: 2, ignoreIndex: null })],
    [() => segment.confusion(tensor([0.5]), labels([0]), { numClasses: 2 })],
    [() => segment.figuresOf([1, 2, 3])],
    [() => segment.figuresOf([0, 0, 0, 0])],
    [() => segment.figuresOf([1, 0, 0, 1], { classes: ['a'] })],
    [() => new segment.SegmentMetrics(2).summary()],
    [() => new segment.SegmentMetrics(0)],
    [() => new segment.SegmentMetrics(2).add([1])],
  ])('is refused (%#)', (attempt) => {
    expect(attempt).toThrowErrorMatchingSnapshot();
  });
});
