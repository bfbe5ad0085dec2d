import { checkOptions } from '../options.ts';
import { scope } from './scope.ts';
import { ops, type Tensor } from './tensor.ts';

/** Bounds of `allclose`: |a - b| <= atol + rtol * |b|. */
export interface Tolerance {
  /** Default 1e-5. */
  rtol?: number;
  /** Default 1e-8. */
  atol?: number;
  /** Whether NaN equals NaN. Default false. */
  equalNan?: boolean;
}

/** True when shape and all elements are the same, as torch.equal. NaN equals nothing. */
export function equal(a: Tensor, b: Tensor): boolean {
  return ops.aten.equal(a, b);
}

/** True when all elements are close, as torch.allclose. */
export function allclose(a: Tensor, b: Tensor, options: Tolerance = {}): boolean {
  checkOptions('allclose', options, ['rtol', 'atol', 'equalNan']);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  return scope(() => ops.aten.allclose(a, b, rtol, atol, equalNan));
}
