import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { manualSeed, scope } from '../../../lib/tensor/index.ts';
import { drawSpread, falseMatchRate, imagesOf } from './calibration.ts';

const WORLDS = 20;

// 95 % of 20 are 19; fewer than 15 come of such a chance once in 3,000 times.
const LEAST_KEPT = 15;

describe('calibrate', () => {
  it.each([
    [1e-2, { people: 100, cameras: 8, effect: 0.3 }],
    [1e-2, { people: 60, cameras: 6, effect: 0.6 }],
    [1e-3, { people: 100, cameras: 8, effect: 0.3 }],
    [1e-3, { people: 150, cameras: 12, effect: 0.4 }],
  ])(
    'keeps a rate of %d on people and cameras that it has not seen, as often as it says: %o',
    (rate, world) => {
      const achieved = Array.from({ length: WORLDS }, (_, seed) =>
        scope(() => {
          manualSeed(seed + 1);
          const spread = drawSpread();
          const { threshold } = reid.calibrateThreshold(imagesOf(world, spread), {
            falseMatchRate: rate,
            draws: 200,
          });
          return falseMatchRate(imagesOf({ ...world, people: 150, cameras: 12 }, spread), threshold) / rate;
        }),
      ).sort((a, b) => a - b);
      expect(achieved.filter((share) => share <= 1).length).toBeGreaterThanOrEqual(LEAST_KEPT);
      // Nor by promising next to nothing.
      expect(achieved[WORLDS / 2]).toBeGreaterThan(0.3);
    },
  );
});
