/** torch.autograd.forward_ad: derivatives along a direction, computed with the values. */
import { checkFunction, checkPositions } from '../options.ts';
import { checkTensor } from '../tensor/check-tensor.ts';
import { isComplex, isFloatingPoint, ops, type Tensor } from '../tensor/index.ts';
import { refusePromise } from '../tensor/scope.ts';
import { beginLevel, currentLevel, endLevel } from './levels.ts';

/** A tensor and the derivative along the direction, null where it has none. */
export interface UnpackedDualTensor {
  primal: Tensor;
  tangent: Tensor | null;
}

/** Begins a level; `exitDualLevel` ends it. Prefer `dualLevel`, which ends it by itself. Returns its number. */
export function enterDualLevel(): number {
  checkPositions('enterDualLevel', arguments, 0);
  if (currentLevel() >= 0) {
    throw new RangeError('Expected no running level for enterDualLevel, got a second; levels do not nest');
  }
  return beginLevel();
}

/** Ends the level: tangents are dropped. */
export function exitDualLevel(): void {
  checkPositions('exitDualLevel', arguments, 0);
  requireLevel('exitDualLevel');
  endLevel();
}

function requireLevel(name: string): number {
  if (currentLevel() >= 0) return currentLevel();
  throw new RangeError(`Expected a running level for ${name}, got none; call it inside forwardAd.dualLevel`);
}

/**
 * Runs `fn` with a level of dual tensors, as torch.autograd.forward_ad.dual_level. There is one level at a time in the process,
 * workers included; tangents end with it.
 *
 * @throws TypeError when `fn` returns a promise.
 * @example
 * const tangent = autograd.forwardAd.dualLevel(() => {
 *   const y = autograd.forwardAd.makeDual(x, ones(x.shape)).exp();
 *   return autograd.forwardAd.unpackDual(y).tangent;
 * });
 */
export function dualLevel<T>(fn: () => T): T {
  checkPositions('dualLevel', arguments, 1);
  checkFunction('dualLevel', fn);
  enterDualLevel();
  try {
    const result = fn();
    refusePromise(result, 'dualLevel');
    return result;
  } finally {
    exitDualLevel();
  }
}

function checkFloat(name: string, value: Tensor): void {
  if (isFloatingPoint(value.dtype) || isComplex(value.dtype)) return;
  throw new RangeError(`Expected a floating-point or complex ${name} for makeDual, got ${value.dtype}`);
}

/**
 * A view of `tensor` that carries `tangent`: ops on it compute the derivative along it too.
 *
 * @throws RangeError outside a level, and for dtypes without derivatives; TorchError unless both have one shape.
 */
export function makeDual(tensor: Tensor, tangent: Tensor): Tensor {
  checkPositions('makeDual', arguments, 2);
  checkTensor('makeDual', 'tensor', tensor);
  checkTensor('makeDual', 'tangent', tangent);
  checkFloat('tensor', tensor);
  checkFloat('tangent', tangent);
  return ops.aten._make_dual(tensor, tangent, requireLevel('makeDual'));
}

/** The value and the derivative of what was computed from dual tensors. */
export function unpackDual(tensor: Tensor): UnpackedDualTensor {
  checkPositions('unpackDual', arguments, 1);
  checkTensor('unpackDual', 'tensor', tensor);
  const [primal, tangent] = ops.aten._unpack_dual(tensor, requireLevel('unpackDual'));
  return { primal, tangent: (tangent as Tensor | null) ?? null };
}
