import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type DType, manualSeed, rand, randn, scope, type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { elements, relativeError } from '../../nn/numbers.ts';

/** Some elements of a tensor, and its norm. */
export interface Sampled {
  shape: number[];
  places: number[];
  values: number[];
  norm: number;
}

export type Key = [key: string, shape: number[], dtype: DType];

export function published<T>(name: string): Record<string, T> {
  const path = new URL(`../../fixtures/segment/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as Record<string, T>;
}

/** The weights that scripts/fixtures/segment_models.py gives to the published network with these keys. */
export function filled(keys: readonly Key[]): Map<string, Tensor> {
  manualSeed(1);
  const numbers = ([key, shape, dtype]: Key): Tensor => {
    if (dtype !== 'float32') return zeros(shape, { dtype });
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    if (shape.length > 1) return scope(() => randn(shape).mul(Math.sqrt(2 / inputs)));
    const isScale = key.endsWith('weight') || key.endsWith('running_var');
    return scope(() => (isScale ? rand(shape).mul(0.5).add(0.75) : randn(shape).mul(0.1)));
  };
  return new Map(keys.map((entry) => [entry[0], numbers(entry)]));
}

export function noise(): Tensor {
  manualSeed(2);
  return randn([2, 3, 65, 97]);
}

/** The published figures have nine digits; errors are of float32 sums in another order. */
export function expectSampled(actual: Tensor, want: Sampled): void {
  expect(actual.shape).toEqual(want.shape);
  const flat = elements(actual);
  expect(
    relativeError(
      want.places.map((place) => flat[place] as number),
      want.values,
    ),
  ).toBeLessThan(1e-5);
  expect(Math.abs(Math.hypot(...blocks(flat)) / want.norm - 1)).toBeLessThan(1e-5);
}

/** Norms of parts: a call takes so many arguments only. */
function blocks(values: ArrayLike<number>): number[] {
  const sums: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const place = Math.floor(i / 4096);
    sums[place] = (sums[place] ?? 0) + (values[i] as number) ** 2;
  }
  return sums.map(Math.sqrt);
}
