import type { DType } from '../tensor/index.ts';

/** How far numbers may be apart: `|actual - expected| <= atol + rtol * |expected|`. */
export interface Tolerances {
  rtol: number;
  atol: number;
}

// Those of torch.testing.assert_close (torch/testing/_comparison.py of 2.13); integers and booleans must be equal.
const BY_DTYPE: Partial<Record<DType, Tolerances>> = {
  float16: { rtol: 1e-3, atol: 1e-5 },
  bfloat16: { rtol: 1.6e-2, atol: 1e-5 },
  float32: { rtol: 1.3e-6, atol: 1e-5 },
  float64: { rtol: 1e-7, atol: 1e-7 },
  complex32: { rtol: 1e-3, atol: 1e-5 },
  complex64: { rtol: 1.3e-6, atol: 1e-5 },
  complex128: { rtol: 1e-7, atol: 1e-7 },
};
const EXACT: Tolerances = { rtol: 0, atol: 0 };

/** The tolerances for two dtypes: the wider of each. */
export function tolerancesOf(a: DType, b: DType): Tolerances {
  const [x, y] = [BY_DTYPE[a] ?? EXACT, BY_DTYPE[b] ?? EXACT];
  return { rtol: Math.max(x.rtol, y.rtol), atol: Math.max(x.atol, y.atol) };
}
