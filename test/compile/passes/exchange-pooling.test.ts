import { describe, expect, it } from 'vitest';
import { exchangePooling } from '../../../lib/compile/passes/exchange-pooling.ts';
import * as nn from '../../../lib/nn/index.ts';
import { afterPasses } from '../../helpers/plans.ts';

const INPUT = [1, 2, 8, 8];

function linesOf(conv: nn.Module, pool: nn.Module): string[] {
  return afterPasses(new nn.Sequential(conv, pool).eval(), INPUT, exchangePooling);
}

describe('exchangePooling', () => {
  it('pools before a 1x1 convolution', () => {
    expect(linesOf(new nn.Conv2d(2, 4, 1), new nn.AvgPool2d(2))).toEqual(['input()', 'pool(0)', 'conv(1)']);
  });

  it.each([
    ['a window of 3x3', new nn.Conv2d(2, 4, 3), new nn.AvgPool2d(2)],
    ['a stride', new nn.Conv2d(2, 4, 1, { stride: 2 }), new nn.AvgPool2d(2)],
    ['padding', new nn.Conv2d(2, 4, 1, { padding: 1 }), new nn.AvgPool2d(2)],
    [
      'a bias that padding would be averaged with',
      new nn.Conv2d(2, 4, 1),
      new nn.AvgPool2d(2, { padding: 1 }),
    ],
    ['a maximum', new nn.Conv2d(2, 4, 1), new nn.MaxPool2d(2)],
    ['nothing to gain', new nn.Conv2d(2, 4, 1), new nn.AvgPool2d(1)],
  ])('keeps the order with %s', (_, conv, pool) => {
    expect(linesOf(conv, pool)).toEqual(['input()', 'conv(0)', 'pool(1)']);
  });

  it('pools first without a bias, or where padding does not count', () => {
    const swapped = ['input()', 'pool(0)', 'conv(1)'];
    const padded = { padding: 1 };
    expect(linesOf(new nn.Conv2d(2, 4, 1, { bias: false }), new nn.AvgPool2d(2, padded))).toEqual(swapped);
    const uncounted = new nn.AvgPool2d(2, { ...padded, countIncludePad: false });
    expect(linesOf(new nn.Conv2d(2, 4, 1), uncounted)).toEqual(swapped);
  });
});
