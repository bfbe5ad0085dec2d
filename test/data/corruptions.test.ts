import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORRUPTIONS, type Corruption, corrupt } from '../../lib/data/corruptions/index.ts';
import { decodeImage } from '../../lib/data/index.ts';
import {
  cat,
  equal,
  full,
  Generator,
  getRngState,
  memoryStats,
  randint,
  setNumThreads,
  type Tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { difference, fixture } from './helpers.ts';

// The images are small: threads would wait for each other.
setNumThreads(1);

const SEVERITIES = [1, 2, 3, 4, 5];
const WITHOUT_NUMBERS: Corruption[] = [
  'defocus_blur',
  'zoom_blur',
  'brightness',
  'contrast',
  'pixelate',
  'jpeg_compression',
];
const seeded = (seed = 7) => ({ generator: new Generator().manualSeed(seed) });
const fill = (value: number, shape = [3, 120, 120]) => full(shape, value, { dtype: 'uint8' });
const floats = (image: Tensor) => image.to('float32');
const deviation = (image: Tensor) => floats(image).std().item();

let photo: Tensor;
let piece: Tensor;
let expected: Tensor;

beforeAll(async () => {
  const chelsea = await decodeImage(fixture('images/chelsea.png'));
  photo = chelsea.narrow(1, 40, 180).narrow(2, 100, 200).contiguous();
  piece = chelsea.narrow(1, 80, 41).narrow(2, 120, 59);
  expected = await decodeImage(fixture('data/corruptions.png'));
  chelsea.dispose();
});

afterAll(() => {
  for (const image of [photo, piece, expected]) image.dispose();
});

describe('corruptions without random numbers', () => {
  it.each([...WITHOUT_NUMBERS.entries()])(
    'are those of scipy, Pillow and colorsys: %i, %s',
    async (row, kind) => {
      for (const severity of SEVERITIES) {
        const theirs = expected.narrow(1, 41 * row, 41).narrow(2, 59 * (severity - 1), 59);
        const gap = difference(await corrupt(piece, kind, severity), theirs);
        // Halves of 255ths, which brightness has many of, are rounded either way.
        expect(gap.max).toBeLessThanOrEqual(kind === 'brightness' ? 1 : 0);
        expect(gap.mean).toBeLessThan(0.2);
      }
    },
  );

  it.each(WITHOUT_NUMBERS)('take no generator and treat gray as they treat colours: %s', async (kind) => {
    const gray = piece.narrow(0, 1, 1);
    const three = cat([gray, gray, gray], 0);
    for (const severity of [1, 5]) {
      const one = await corrupt(gray, kind, severity, seeded(1));
      expect(equal(one, await corrupt(gray, kind, severity, seeded(2)))).toBe(true);
      const colours = await corrupt(three, kind, severity);
      expect(difference(cat([one, one, one], 0), colours).max).toBeLessThanOrEqual(1);
    }
  });
});

describe('corruptions with random numbers', () => {
  const drawing = CORRUPTIONS.filter((kind) => !WITHOUT_NUMBERS.includes(kind));

  it.each(drawing)('depend on the generator alone: %s', async (kind) => {
    const before = getRngState();
    const first = await corrupt(piece, kind, 3, seeded(1));
    expect(equal(first, await corrupt(piece, kind, 3, seeded(1)))).toBe(true);
    expect(equal(first, await corrupt(piece, kind, 3, seeded(2)))).toBe(false);
    expect(equal(before, getRngState())).toBe(true);
  });

  it('draw from the default generator where none is given', async () => {
    const before = getRngState();
    await corrupt(piece, 'shot_noise', 1);
    expect(equal(before, getRngState())).toBe(false);
  });

  it.each([
    [1, 0.08],
    [2, 0.12],
    [3, 0.18],
  ])('add normal noise: severity %i', async (severity, sigma) => {
    const noisy = await corrupt(fill(128), 'gaussian_noise', severity, seeded());
    expect(floats(noisy).mean().item()).toBeCloseTo(128, -0.3);
    expect(deviation(noisy) / 255 / sigma).toBeCloseTo(1, 1.3);
  });

  it.each([
    [1, 60],
    [2, 25],
    [3, 12],
  ])('count photons: severity %i', async (severity, photons) => {
    const noisy = await corrupt(fill(64), 'shot_noise', severity, seeded());
    expect(floats(noisy).mean().item() / 64).toBeCloseTo(1, 1.3);
    expect(deviation(noisy) / 255 / Math.sqrt(64 / 255 / photons)).toBeCloseTo(1, 1.3);
    const levels = floats(noisy).mul(photons / 255);
    expect(levels.sub(levels.round()).abs().max().item()).toBeLessThan(0.5 * (photons / 255) + 1e-4);
  });

  it.each([
    [1, 0.03],
    [3, 0.09],
    [5, 0.27],
  ])('strew salt and pepper: severity %i', async (severity, amount) => {
    const noisy = floats(await corrupt(fill(100, [3, 400, 400]), 'impulse_noise', severity, seeded()));
    const share = (value: number) => noisy.eq(value).to('float32').mean().item();
    expect(share(255) / amount).toBeCloseTo(0.5, 1);
    expect(share(0) / amount).toBeCloseTo(0.5, 1);
    expect(share(100)).toBeCloseTo(1 - share(0) - share(255), 6);
  });

  it('smear a point to one side of it, and keep its light', async () => {
    const point = zeros([1, 101, 101], { dtype: 'uint8' });
    point.select(1, 50).select(1, 50).fill_(255);
    for (const seed of [1, 2, 3]) {
      const trace = floats(await corrupt(point, 'motion_blur', 3, seeded(seed))).squeeze(0);
      expect(trace.sum().item() / 255).toBeCloseTo(1, 1);
      expect(trace.narrow(1, 51, 50).sum().item()).toBe(0);
      const [near, far] = [trace.narrow(1, 41, 10), trace.narrow(1, 31, 10)].map((part) => part.sum().item());
      expect(near).toBeGreaterThan(1.3 * (far as number));
      expect(far).toBeGreaterThan(20);
    }
  });

  it('move pixels behind glass no farther than they reach, and blur them', async () => {
    const half = zeros([1, 60, 60], { dtype: 'uint8' });
    half.narrow(2, 30, 30).fill_(255);
    const blurred = floats(await corrupt(half, 'glass_blur', 2, seeded()));
    // Two pixels of moving, and twice four of blurring.
    expect(blurred.narrow(2, 0, 19).max().item()).toBe(0);
    expect(blurred.narrow(2, 42, 18).min().item()).toBe(255);
    const beside = blurred.narrow(2, 29, 1);
    expect(deviation(beside)).toBeGreaterThan(5);
  });

  it('let snow fall that only brightens, in streaks', async () => {
    const snowy = await corrupt(fill(60), 'snow', 2, seeded());
    expect(snowy.ge(60).all().item<boolean>()).toBe(true);
    expect(deviation(snowy)).toBeGreaterThan(10);
    expect(equal(snowy.select(0, 0), snowy.select(0, 2))).toBe(true);
    const paler = floats(await corrupt(photo, 'snow', 1, seeded())).sub(floats(photo));
    expect(paler.min().item()).toBeGreaterThanOrEqual(-1);
  });

  it('hang clouds that are smooth, from nothing to full, before a dimmed image', async () => {
    const clouds = floats(await corrupt(fill(255, [1, 128, 128]), 'fog', 1, seeded()));
    expect(clouds.min().item()).toBe(102); // 255 / 2.5
    expect(clouds.max().item()).toBe(255);
    const steps = clouds
      .narrow(2, 1, 127)
      .sub(clouds.narrow(2, 0, 127))
      .abs();
    expect(steps.mean().item()).toBeLessThan(3);
    const rough = floats(await corrupt(fill(255, [1, 128, 128]), 'fog', 5, seeded()));
    const roughSteps = rough
      .narrow(2, 1, 127)
      .sub(rough.narrow(2, 0, 127))
      .abs();
    expect(roughSteps.mean().item()).toBeGreaterThan(2 * steps.mean().item());
  });

  it('bend and shift without new values', async () => {
    const [low, high] = [photo.min().item(), photo.max().item()];
    for (const severity of SEVERITIES) {
      const bent = await corrupt(photo, 'elastic_transform', severity, seeded());
      expect(bent.min().item()).toBeGreaterThanOrEqual(low);
      expect(bent.max().item()).toBeLessThanOrEqual(high);
    }
  });
});

describe('every corruption', () => {
  it.each(CORRUPTIONS)('gives uint8 of the same shape and leaves the image alone: %s', async (kind) => {
    const odd = randint(0, 256, [3, 57, 83], { dtype: 'uint8', ...seeded() });
    const gray = odd.narrow(0, 0, 1);
    const tiny = odd.narrow(1, 0, 2).narrow(2, 0, 3);
    const wide = odd.transpose(1, 2);
    const before = odd.clone();
    for (const image of [odd, gray, tiny, wide]) {
      for (const severity of image === odd ? SEVERITIES : [2, 5]) {
        const result = await corrupt(image, kind, severity, seeded());
        expect([result.shape, result.dtype, result.isContiguous()]).toEqual([image.shape, 'uint8', true]);
        expect(image !== tiny && equal(result, image)).toBe(false);
      }
    }
    expect(equal(odd, before)).toBe(true);
  });

  // Glass, snow, fog and elastic changes weigh several settings against each other: not every step is a larger one.
  it.each(CORRUPTIONS)('changes an image more the more severe it is: %s', async (kind) => {
    const gaps: number[] = [];
    for (const severity of SEVERITIES)
      gaps.push(difference(await corrupt(photo, kind, severity, seeded()), photo).mean);
    const [first, second, third, fourth, fifth] = gaps as [number, number, number, number, number];
    expect(first).toBeGreaterThan(1);
    if (kind === 'elastic_transform') {
      expect([second > first, fourth > third, fifth > fourth]).toEqual([true, true, true]);
    } else if (['glass_blur', 'snow', 'fog'].includes(kind)) {
      expect(fifth).toBeGreaterThan(1.05 * first);
    } else {
      expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
      expect(new Set(gaps).size).toBe(5);
    }
  });

  const EVEN = [
    'glass_blur',
    'motion_blur',
    'zoom_blur',
    'contrast',
    'elastic_transform',
    'pixelate',
  ] as const;
  it.each(EVEN)('leaves what is the same all over: %s', async (kind) => {
    for (const severity of SEVERITIES) {
      const result = await corrupt(fill(77, [3, 57, 83]), kind, severity, seeded());
      expect(difference(result, fill(77, [3, 57, 83])).max).toBe(0);
    }
  });

  it.each(CORRUPTIONS)('takes black and white: %s', async (kind) => {
    for (const value of [0, 255]) {
      const result = await corrupt(fill(value, [3, 33, 32]), kind, 5, seeded());
      expect(result.shape).toEqual([3, 33, 32]);
      if (value === 0 && kind === 'brightness') expect(equal(result, fill(128, [3, 33, 32]))).toBe(true);
    }
  });

  it('frees what it makes', async () => {
    const gray = piece.narrow(0, 0, 1);
    await collectGarbage();
    for (const image of [piece, gray]) {
      for (const kind of CORRUPTIONS) {
        const { generator } = seeded();
        const before = memoryStats().tensors;
        (await corrupt(image, kind, 2, { generator })).dispose();
        expect([kind, memoryStats().tensors - before]).toEqual([kind, 0]);
      }
    }
  });

  it('is refused for other images, names and severities', async () => {
    const bad = (...args: unknown[]) => (corrupt as (...all: unknown[]) => Promise<Tensor>)(...args);
    await expect(bad([1], 'fog', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected a Tensor for corrupt image, got an array]`,
    );
    await expect(bad(zeros([3, 4, 4]), 'fog', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected uint8 for corrupt image, got float32]`,
    );
    await expect(bad(fill(0, [2, 4, 4]), 'fog', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected (1, H, W) or (3, H, W) of at least 2 x 2 for corrupt image, got [2, 4, 4]]`,
    );
    await expect(bad(fill(0, [3, 1, 4]), 'fog', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected (1, H, W) or (3, H, W) of at least 2 x 2 for corrupt image, got [3, 1, 4]]`,
    );
    await expect(bad(fill(0), 'fogg', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a known corruption, got "fogg"; did you mean fog?]`,
    );
    await expect(bad(fill(0), 'frost', 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a known corruption, got "frost"; known corruptions: gaussian_noise, shot_noise, impulse_noise, defocus_blur, glass_blur, motion_blur, zoom_blur, snow, fog, brightness, contrast, elastic_transform, pixelate, jpeg_compression]`,
    );
    await expect(bad(fill(0), 'fog', 6)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a whole number from 1 to 5 for corrupt severity, got 6]`,
    );
    await expect(bad(fill(0), 'fog', 1, { generator: 3 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected a Generator or null for corrupt generator, got 3]`,
    );
    await expect(bad(fill(0), 'fog', 1, { seed: 3 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a known option for corrupt, got "seed"; known options: generator]`,
    );
  });
});
