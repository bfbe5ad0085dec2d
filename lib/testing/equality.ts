import { isTensor, scope, type Tensor } from '../tensor/index.ts';
import { differentKind, plainNumbers } from './values.ts';

function sameNumbers(a: Tensor, b: Tensor): boolean {
  const [x, y] = [plainNumbers(a), plainNumbers(b)];
  const bothNaN = x.ne(x).logicalAnd(y.ne(y));
  return x.eq(y).logicalOr(bothNaN).all().item<boolean>();
}

/** Whether two tensors have the same shape, dtype, device, layout and numbers; NaN equals NaN. */
export function equalTensors(a: Tensor, b: Tensor): boolean {
  if (a.layout !== b.layout || differentKind(a, b, { dtype: true, device: true }) !== undefined) return false;
  return scope(() => sameNumbers(a, b));
}

/**
 * The tester by which `expect(...)` of vitest and Jest compares tensors, wherever they lie in arrays, objects and Maps:
 * by shape, dtype, device, layout and numbers, NaN being equal to NaN. Other values are left to others.
 *
 * @example
 * // in a setup file
 * expect.addEqualityTesters([tensorEquality]);
 */
export function tensorEquality(a: unknown, b: unknown): boolean | undefined {
  if (!isTensor(a)) return isTensor(b) ? false : undefined;
  return isTensor(b) && equalTensors(a, b);
}
