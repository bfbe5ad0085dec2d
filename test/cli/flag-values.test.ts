import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  also,
  count,
  flagOf,
  numberUpTo,
  positive,
  positives,
  share,
  wholeNumber,
  wholeNumbers,
} from '../../lib/cli/flag-values.ts';

describe('readers of flags', () => {
  it('take numbers in their bounds', () => {
    expect(['1', '64'].map(wholeNumber)).toEqual([1, 64]);
    expect(wholeNumbers('8', wholeNumbers('4'))).toEqual([4, 8]);
    expect(['0', '7'].map(count)).toEqual([0, 7]);
    expect(['1e-3', '2'].map(positive)).toEqual([0.001, 2]);
    expect(positives('2', [0.5])).toEqual([0.5, 2]);
    expect(['0', '0.5', '1'].map(share)).toEqual([0, 0.5, 1]);
    expect(numberUpTo(Infinity)('99')).toBe(99);
    expect(also('b', also('a'))).toEqual(['a', 'b']);
    expect(flagOf('batchSize')).toBe('--batch-size');
  });

  it.each([
    ['a positive integer', wholeNumber, ['0', '-1', '1.5', 'x', '']],
    ['a whole number from 0', count, ['-1', '1.5', '1e3', ' ', '', '9007199254740993']],
    ['a number above 0', positive, ['0', '-1', 'Infinity', 'x', '']],
    ['a number from 0 to 1', share, ['-0.1', '1.1', 'x', ' ', '']],
  ] as const)('refuse other texts: %s', (what, read, texts) => {
    for (const text of texts) {
      const message = `Expected ${what}, got "${text}".`;
      expect(() => read(text), text).toThrow(new InvalidArgumentError(message));
    }
  });
});
