import { describe, expect, it } from 'vitest';
import { numbersOf } from '../../examples/numbers.mjs';

describe('numbers on the command line of an example', () => {
  const number = numbersOf({ lr: '0.01', epochs: '-1', 'batch-size': '0', seed: 'x', size: '' });

  it('are read, and undefined where they are not given', () => {
    expect(number('lr')).toBe(0.01);
    expect(number('limit')).toBeUndefined();
    expect(number('batch-size')).toBe(0);
  });

  it('are refused below the least, and where the text is no number', () => {
    expect(() => number('epochs')).toThrow('Expected a number of at least 0 for --epochs, got -1');
    expect(() => number('batch-size', 1)).toThrow(
      new RangeError('Expected a number of at least 1 for --batch-size, got 0'),
    );
    for (const name of ['seed', 'size']) expect(() => number(name)).toThrow(`for --${name}, got`);
  });
});
