import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { full, manualSeed, rand, type Tensor } from '../../../lib/tensor/index.ts';
import { elements } from '../../nn/numbers.ts';

/** Rows and columns that were erased in an image of sevens, and with what. */
function erased(image: Tensor): { height: number; width: number; value: number } | undefined {
  const changed = elements(image.select(0, 0).ne(7).to('float32'));
  const width = image.shape[2] as number;
  const at = changed.flatMap((value, i) => (value === 1 ? [i] : []));
  if (at.length === 0) return undefined;
  const columns = new Set(at.map((i) => i % width)).size;
  const [first] = at as [number];
  return {
    height: at.length / columns,
    width: columns,
    value: elements(image.select(0, 0))[first] as number,
  };
}

describe('ReIDRandomErasing', () => {
  it('fills windows of the published sizes with the mean', () => {
    manualSeed(1);
    const transform = new reid.ReIDRandomErasing({ p: 1 });
    const found = Array.from({ length: 300 }, () => erased(transform.forward(full([3, 64, 32], 7))));
    const windows = found.filter((window) => window !== undefined);
    // Wide and tall windows do not always fit, so that a hundred tries are enough for nearly all.
    expect(windows.length).toBe(300);
    for (const { height, width, value } of windows) {
      expect(value).toBeCloseTo(0.485, 6);
      expect(height).toBeLessThan(64);
      expect(width).toBeLessThan(32);
      expect((height * width) / 2048).toBeLessThan(0.45);
    }
    // Aspects are drawn evenly: most are above one, which is not so where their logarithms are.
    expect(windows.filter(({ height, width }) => height > width).length).toBeGreaterThan(210);
  });

  it('leaves images alone with probability 1 - p, and does not change what it is given', () => {
    manualSeed(2);
    const image = full([3, 64, 32], 7);
    const transform = new reid.ReIDRandomErasing({ p: 0.5 });
    const count = Array.from({ length: 400 }, () => erased(transform.forward(image))).filter(Boolean).length;
    expect(count).toBeGreaterThan(150);
    expect(count).toBeLessThan(250);
    expect(erased(image)).toBeUndefined();
  });

  it('refuses wrong options', () => {
    const build = (options: object) => () => new reid.ReIDRandomErasing(options);
    expect(build({ scale: [0.4, 0.02] })).toThrow('Expected 0 <= low <= high <= 1');
    expect(build({ r1: 0 })).toThrow('Expected an r1 above 0');
    expect(build({ mean: 'imagenet' })).toThrow(TypeError);
    expect(build({ sl: 0.02 })).toThrow('got "sl"');
  });
});

describe('training transforms', () => {
  it('give normalised images for reid-strong-baseline and pixels for fast-reid', () => {
    manualSeed(3);
    const image = rand([3, 90, 50]).mul(255).to('uint8');
    const strong = reid.strongBaselineTrain().forward(image) as Tensor;
    expect(strong.shape).toEqual([3, 256, 128]);
    expect(strong.max().item()).toBeLessThan(2.7);
    const fast = reid.fastReIDTrain({ size: [384, 128] }).forward(image) as Tensor;
    expect(fast.shape).toEqual([3, 384, 128]);
    expect(fast.max().item()).toBeGreaterThan(100);
    expect(fast.min().item()).toBeGreaterThanOrEqual(0);
  });

  it('refuse sizes and options that they do not know', () => {
    expect(() => reid.strongBaselineTrain({ size: [256] as never })).toThrow(TypeError);
    expect(() => reid.fastReIDTrain({ rea: 0.5 } as object)).toThrow('got "rea"');
  });
});
