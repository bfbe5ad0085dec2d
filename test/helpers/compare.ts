import { expect } from 'vitest';
import { Complex, type DType, scope, Tensor, tensor } from '../../lib/tensor/index.ts';
import { tolerancesOf } from '../../lib/testing/tolerances.ts';

export interface Tolerances {
  rtol?: number;
  atol?: number;
}

/** A tensor in a fixture: elements in row-major order, complex ones as pairs, the rest as JSON can hold them. */
export interface Numbers {
  dtype: DType;
  shape: number[];
  data: (number | string | boolean | [number, number])[];
}

type FixtureElement = Numbers['data'][number];
const TEXT: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 };

function toElement(value: FixtureElement): number | bigint | boolean | Complex {
  if (Array.isArray(value)) return new Complex(toElement(value[0]) as number, toElement(value[1]) as number);
  if (typeof value === 'string') return TEXT[value] ?? BigInt(value);
  return value;
}

/** The tensor of a fixture. */
export function toTensor({ dtype, shape, data }: Numbers): Tensor {
  return scope(() => tensor(data.map(toElement), { dtype }).reshape(shape));
}

function flatElements(value: Tensor): number[] {
  return scope(() => {
    const wide = value.detach().to(value.dtype.startsWith('complex') ? 'complex128' : 'float64');
    return Array.from(wide.data() as Float64Array);
  });
}

function isClose(actual: number, expected: number, { rtol, atol }: Required<Tolerances>): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  return actual === expected || Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

/** Fails unless shape and dtype are the same and every element is close; tolerances default by dtype. */
export function expectClose(actual: Tensor, expected: Numbers | Tensor, tolerances: Tolerances = {}): void {
  const wanted = expected instanceof Tensor ? expected : toTensor(expected);
  try {
    expect({ dtype: actual.dtype, shape: actual.shape }).toEqual({
      dtype: wanted.dtype,
      shape: wanted.shape,
    });
    const bounds = { ...tolerancesOf(actual.dtype, actual.dtype), ...tolerances };
    const got = flatElements(actual);
    const want = flatElements(wanted);
    const index = want.findIndex((value, i) => !isClose(got[i] as number, value, bounds));
    if (index >= 0) expect({ index, value: got[index] }).toEqual({ index, value: want[index] });
  } finally {
    if (wanted !== expected) wanted.dispose();
  }
}

/** A test body whose tensors are disposed when it ends. */
export function withScope(body: () => void): () => void {
  return () => scope(body);
}
