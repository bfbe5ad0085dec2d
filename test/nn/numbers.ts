import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { runtimeInfo, type Tensor } from '../../lib/tensor/index.ts';

/** A tensor in a fixture file: its shape and its elements in row-major order. */
export interface Numbers {
  shape: number[];
  data: number[];
}

/**
 * How far an initial weight may be from the recorded one, relative to 1. libtorch's kernels for AVX2 and AVX-512 draw the
 * recorded bits; those for older processors draw other last ones, in Python too.
 */
export const drawnWithin = runtimeInfo().cpuCapability === 'DEFAULT' ? 2 ** -19 : 0;

export function fixture<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8')) as T;
}

export function elements(tensor: Tensor): number[] {
  return [...(tensor.detach().to('float64').contiguous().data() as Float64Array)];
}

/** Norm of the difference over the norm of the expectation. */
export function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const difference = Math.hypot(...expected.map((value, i) => value - (actual[i] ?? Number.NaN)));
  return difference / Math.max(Math.hypot(...expected), 1e-30);
}

export function expectClose(actual: Tensor, expected: Numbers, tolerance = 1e-6, what = ''): void {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = elements(actual);
  for (const [i, value] of expected.data.entries()) {
    const error = Math.abs((values[i] ?? Number.NaN) - value);
    if (!(error <= tolerance * Math.max(1, Math.abs(value))))
      expect({ i, value: values[i] }, what).toEqual({ i, value });
  }
}
