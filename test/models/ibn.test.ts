import { describe, expect, it } from 'vitest';
import { IBN } from '../../lib/models/index.ts';
import { cat, randn } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { elements } from '../nn/numbers.ts';

describe('IBN', () => {
  it.each([
    [64, 0.5, 32],
    [64, 0.25, 16],
    [10, 0.4, 4],
    [7, 0.5, 3],
  ])(
    'of %i channels at ratio %d normalises the first %i by instance and the rest by batch',
    (planes, ratio, half) => {
      const layer = new IBN(planes, ratio);
      const x = randn([3, planes, 4, 5]);
      const y = layer.forward(x);
      expect(layer.instanceChannels).toBe(half);
      expect(layer.IN?.numFeatures).toBe(half);
      expect(layer.BN?.numFeatures).toBe(planes - half);
      const byHand = cat(
        [
          x.narrow(1, 0, half).sub(x.narrow(1, 0, half).mean([2, 3], { keepdim: true })),
          x
            .narrow(1, half, planes - half)
            .sub(x.narrow(1, half, planes - half).mean([0, 2, 3], { keepdim: true })),
        ],
        1,
      );
      const scale = y.div(byHand);
      const [low, high] = [scale.min().item(), scale.max().item()].map(Number) as [number, number];
      expect(low).toBeGreaterThan(0);
      expect(high).toBeLessThan(3);
      expect(Math.abs(Number(y.mean().item()))).toBeLessThan(1e-6);
    },
  );

  it('has the keys of the published layer, IN before BN', () => {
    expect([...new IBN(4).stateDict().keys()]).toEqual([
      'IN.weight',
      'IN.bias',
      'BN.weight',
      'BN.bias',
      'BN.running_mean',
      'BN.running_var',
      'BN.num_batches_tracked',
    ]);
  });

  it('is one plain layer at the ends', () => {
    const x = randn([2, 4, 3, 3]);
    expect([...new IBN(4, 0).stateDict().keys()][0]).toBe('BN.weight');
    expect([...new IBN(4, 1).stateDict().keys()]).toEqual(['IN.weight', 'IN.bias']);
    expect(elements(new IBN(4, 0).forward(x))).toHaveLength(72);
    expect(elements(new IBN(4, 1).forward(x))).toHaveLength(72);
  });

  it('prints as the published layer', () => {
    expect(new IBN(4).toString()).toMatchInlineSnapshot(`
      "IBN(
        (IN): InstanceNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
        (BN): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
      )"
    `);
    expect(message(() => new IBN(4, 1.5))).toMatchInlineSnapshot(
      `"RangeError: Expected a ratio from 0 to 1 for IBN, got 1.5"`,
    );
  });
});
