import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { ops, randn, type Tensor } from '../../../lib/tensor/index.ts';
import { FAULTS, SOUND } from './faults.ts';
import { asLoaded, cuttings, featuresOf, sound } from './sound-networks.ts';

// All faults and all sound networks are in check.slow.test.ts.
const QUICK = [
  'resnet18, features of BGR images',
  'resnet18, trained with a ReLU in the stem',
  'resnet18, features as they come',
  'resnet18, a file without its last stage',
  'resnet18, a file whose third stage was drawn anew',
  'resnet18, a file with NaN',
];

let train: readonly Tensor[] = [];
let images: readonly Tensor[] = [];

beforeAll(async () => {
  const all = await cuttings(32, 5);
  [train, images] = [all.slice(0, 24), all.slice(24)];
});

const aNetwork = () => asLoaded(new reid.StrongBaseline({ backbone: 'resnet18', numClasses: 2 }).eval());

afterAll(() => {
  for (const image of [...train, ...images]) image.dispose();
});

describe('reid.check', () => {
  it.each(FAULTS.filter(([name]) => QUICK.includes(name)))('finds %s', async (_, fault, make) => {
    const { file, features } = make({ train, images }, 1);
    const report = await reid.check(file, images, {
      ...(features === undefined ? {} : { features }),
      ...(file instanceof Uint8Array ? { size: [128, 64] as const } : {}),
    });
    expect(report.findings.map((found) => found.fault)).toEqual([fault]);
    expect(report.ok).toBe(false);
    for (const { message, evidence, remedy } of report.findings)
      for (const text of [message, evidence, remedy]) expect(text).toMatch(/^\S.{10,}\S$/s);
  });

  it('finds nothing in a sound network, and says what it has excluded', async () => {
    const model = sound((SOUND[0] as (typeof SOUND)[number])[1], train, 100);
    const report = await reid.check(asLoaded(model), images, { features: featuresOf(model, images) });
    expect(report.findings).toEqual([]);
    expect(report.excluded).toContain('training takes mean and deviation off twice');
    expect(report.excluded).toContain('training has a ReLU in the stem');
  });

  it('says that features are of nothing it knows', async () => {
    const report = await reid.check(aNetwork(), images.slice(0, 2), {
      features: ops.aten.div(randn([2, 512]), 22.6),
    });
    expect(report.findings.map(({ fault }) => fault)).toContain('features-unexplained');
  });

  it('leaves a network as it was', async () => {
    const loaded = aNetwork();
    const before = featuresOf(loaded.model, images);
    const keys = [...loaded.model.stateDict().keys()];
    await reid.check(loaded, images, { features: before.neg() });
    expect(featuresOf(loaded.model, images).sub(before).abs().max().item()).toBe(0);
    expect([...loaded.model.stateDict().keys()]).toEqual(keys);
    expect(loaded.model.modules().some(({ training, hasHooks }) => training || hasHooks)).toBe(false);
  });

  it('refuses what is no image, features of others, and one image', async () => {
    const loaded = aNetwork();
    const check = (...rest: unknown[]) => reid.check(loaded, ...(rest as [Tensor]));
    await expect(check(randn([2, 3, 8, 8]))).rejects.toThrow(
      'Expected uint8 images (3, H, W) for reid.check, got float32',
    );
    await expect(check(7)).rejects.toThrow('Expected paths or images for reid.check, got 7');
    await expect(check(images.slice(0, 1))).rejects.toThrow(
      'Expected two images or more for reid.check, got 1',
    );
    await expect(check(images, { features: randn([2, 512]) })).rejects.toThrow(
      'Expected features of 8 images for reid.check, got 2',
    );
    await expect(check(images, { features: randn([8, 64]) })).rejects.toThrow(
      'Expected features of 512 numbers for reid.check, which a network gives, got 64',
    );
    await expect(check(images, { feature: 1 })).rejects.toThrow('did you mean features?');
  });
});
