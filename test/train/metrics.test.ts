import { describe, expect, it } from 'vitest';
import { manualSeed, memoryStats, randint, randn, tensor } from '../../lib/tensor/index.ts';
import { accuracy, ClassificationMetrics } from '../../lib/train/index.ts';

const logits = (rows: number[][]) => tensor(rows, { dtype: 'float32' });
const classes = (...values: number[]) => tensor(values, { dtype: 'int64' });

describe('accuracy', () => {
  it('gives the per cent of samples whose class is among the best k', () => {
    const output = logits([
      [9, 1, 2, 3],
      [1, 9, 2, 3],
      [4, 3, 2, 1],
      [1, 2, 3, 4],
    ]);
    expect(accuracy(output, classes(0, 2, 3, 2), [1, 2, 3, 4])).toEqual([25, 50, 75, 100]);
    expect(accuracy(output, classes(0, 1, 0, 3))).toEqual([100]);
  });

  it('says what is wrong with its input', () => {
    const output = logits([[1, 2, 3]]);
    const call =
      (...args: unknown[]) =>
      () =>
        (accuracy as (...all: unknown[]) => unknown)(...args);
    expect(call(output, classes(0), [4])).toThrow(
      'Expected whole numbers from 1 to 3 for accuracy topk, got 4',
    );
    expect(call(output, classes(0), 1)).toThrow('for accuracy topk, got 1');
    expect(call(output, classes(3))).toThrow('Expected classes from 0 to 2 for target, got 3');
    expect(call(output, classes(-1))).toThrow('Expected classes from 0 to 2 for target, got -1');
    expect(call(output, classes(0, 1))).toThrow(
      'Expected classes (1) for accuracy target, as output has, got [2]',
    );
    expect(call(output, tensor([0.5]))).toThrow('Expected int64 for accuracy target, got float32');
    expect(call(output.to('int64'), classes(0))).toThrow(
      'Expected a floating-point dtype for accuracy output',
    );
    expect(call(logits([[1]]).squeeze(0), classes(0))).toThrow(
      'Expected scores (N, C) for accuracy output, got [1]',
    );
    expect(call([[1, 2]], classes(0))).toThrow('Expected a Tensor for accuracy output, got an array');
  });
});

describe('ClassificationMetrics', () => {
  it('comes to the same whatever the batches are, and as counting by hand does', () => {
    manualSeed(3);
    const [output, target] = [randn([97, 7]), randint(0, 7, [97])];
    const [whole, parts] = [new ClassificationMetrics(7), new ClassificationMetrics(7)];
    whole.update(output, target);
    for (let start = 0; start < 97; start += 10) {
      parts.update(output.slice(0, start, start + 10), target.slice(0, start, start + 10));
    }
    expect(parts.confusion()).toEqual(whole.confusion());
    expect(parts.summary().loss).toBeCloseTo(whole.summary().loss, 12);

    const rows = output.toArray() as number[][];
    const truths = (target.toArray() as (number | bigint)[]).map(Number);
    const rank = (row: number[], truth: number) =>
      row.filter((value) => value > (row[truth] as number)).length;
    const share = (k: number) =>
      (100 * rows.filter((row, i) => rank(row, truths[i] as number) < k).length) / 97;
    const mean = rows.reduce((sum, row, i) => {
      return (
        sum +
        Math.log(row.reduce((all, value) => all + Math.exp(value), 0)) -
        (row[truths[i] as number] as number)
      );
    }, 0);
    const summary = whole.summary();
    expect(summary).toMatchObject({ samples: 97, top1: share(1), top5: share(5), nonFinite: 0 });
    expect(summary.top1Error).toBeCloseTo(100 - share(1), 12);
    expect(summary.loss).toBeCloseTo(mean / 97, 10);
  });

  it('tells for each class what it was taken for', () => {
    const metrics = new ClassificationMetrics(3, { classes: ['ant', 'bee', 'cat'] });
    metrics.update(
      logits([
        [9, 0, 1],
        [9, 1, 0],
        [0, 9, 1],
        [9, 1, 0],
      ]),
      classes(0, 1, 1, 1),
    );
    expect(metrics.confusion()).toEqual([
      [1, 0, 0],
      [2, 1, 0],
      [0, 0, 0],
    ]);
    expect(metrics.perClass()).toEqual([
      { class: 'ant', samples: 1, top1: 100, top5: null, mistakenFor: null },
      { class: 'bee', samples: 3, top1: 100 / 3, top5: null, mistakenFor: { class: 'ant', samples: 2 } },
      { class: 'cat', samples: 0, top1: null, top5: null, mistakenFor: null },
    ]);
    expect(metrics.summary()).toMatchObject({ top1: 50, top5: null, top5Error: null });
    expect(metrics.summary().meanClassTop1).toBeCloseTo((100 + 100 / 3) / 2, 12);
  });

  it('counts samples whose scores are no finite numbers', () => {
    const metrics = new ClassificationMetrics(2);
    metrics.update(
      logits([
        [Number.NaN, 1],
        [1, Number.POSITIVE_INFINITY],
        [1, 2],
      ]),
      classes(0, 0, 1),
    );
    expect(metrics.summary()).toMatchObject({ samples: 3, nonFinite: 2, loss: Number.NaN });
  });

  it('says what is wrong with its input', () => {
    const metrics = new ClassificationMetrics(3);
    expect(() => metrics.summary()).toThrow('Expected at least one batch before summary(), got none');
    expect(() => metrics.update(logits([[1, 2]]), classes(0))).toThrow('Expected scores of 3 classes');
    expect(() => new ClassificationMetrics(0)).toThrow('Expected a positive integer');
    expect(() => new ClassificationMetrics(2, { classes: ['a'] })).toThrow('Expected 2 names');
    expect(() => new ClassificationMetrics(2, { names: [] } as never)).toThrow('"names"');
  });

  it('leaves no tensors behind', () => {
    const metrics = new ClassificationMetrics(4);
    const [output, target] = [randn([5, 4]), randint(0, 4, [5])];
    metrics.update(output, target);
    const before = memoryStats().tensors;
    metrics.update(output, target);
    expect(memoryStats().tensors).toBe(before);
  });
});
