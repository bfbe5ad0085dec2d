import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import type { Tensor } from '../../../lib/tensor/index.ts';
import { FAULTS, SOUND } from './faults.ts';
import { asLoaded, cuttings, featuresOf, sound } from './sound-networks.ts';

let train: readonly Tensor[] = [];
let images: readonly Tensor[] = [];

beforeAll(async () => {
  const all = await cuttings(64, 5);
  [train, images] = [all.slice(0, 48), all.slice(48)];
});

afterAll(() => {
  for (const image of [...train, ...images]) image.dispose();
});

describe('reid.check', () => {
  it.each(FAULTS.map((seeded, seed) => [...seeded, seed] as const))(
    'finds %s',
    async (_, fault, make, seed) => {
      const { file, features } = make({ train, images }, seed);
      const report = await reid.check(file, images, {
        ...(features === undefined ? {} : { features }),
        ...(file instanceof Uint8Array ? { size: [128, 64] as const } : {}),
      });
      expect(report.findings.map((found) => found.fault)).toEqual([fault]);
      expect(report.ok).toBe(false);
    },
  );

  it.each(SOUND.map((network, seed) => [...network, seed] as const))(
    'finds nothing in %s',
    async (_, build, seed) => {
      const model = sound(build, train, 100 + seed);
      const report = await reid.check(asLoaded(model), images, { features: featuresOf(model, images) });
      expect(report.findings).toEqual([]);
      expect(report.ok).toBe(true);
    },
  );
});
