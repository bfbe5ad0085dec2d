import { checkFlag, checkFunction, checkPositions } from '../../options.ts';
import { native } from '../native.ts';
import { refusePromise } from '../scope.ts';

/** Runs `fn` with recording on or off; `name` is for the error where it returns a promise. */
export function withGradEnabled<T>(enabled: boolean, name: string, fn: () => T): T {
  checkFunction(name, fn);
  const before = native.isGradEnabled();
  native.setGradEnabled(enabled);
  try {
    const result = fn();
    refusePromise(result, name);
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/**
 * Runs `fn` without recording for autograd, as torch.no_grad. The mode belongs to the thread: `fn` must be
 * synchronous.
 *
 * @throws TypeError when `fn` returns a promise.
 * @example const y = noGrad(() => model.forward(x));
 */
export function noGrad<T>(fn: () => T): T {
  checkPositions('noGrad', arguments, 1);
  return withGradEnabled(false, 'noGrad', fn);
}

/** Runs `fn` with recording for autograd, inside a `noGrad`. */
export function enableGrad<T>(fn: () => T): T {
  checkPositions('enableGrad', arguments, 1);
  return withGradEnabled(true, 'enableGrad', fn);
}

/** Turns recording on or off until it is called again. Prefer `noGrad`, which restores. */
export function setGradEnabled(enabled: boolean): void {
  checkPositions('setGradEnabled', arguments, 1);
  checkFlag('setGradEnabled', enabled);
  native.setGradEnabled(enabled);
}

export function isGradEnabled(): boolean {
  return native.isGradEnabled();
}

/**
 * Runs `fn` in torch.inference_mode: no autograd, no version counters, the least overhead. Tensors made in it can
 * never require grad.
 *
 * @throws TypeError when `fn` returns a promise.
 */
export function inferenceMode<T>(fn: () => T): T {
  checkPositions('inferenceMode', arguments, 1);
  checkFunction('inferenceMode', fn);
  native.enterInferenceMode(true);
  try {
    const result = fn();
    refusePromise(result, 'inferenceMode');
    return result;
  } finally {
    native.exitInferenceMode();
  }
}

export function isInferenceModeEnabled(): boolean {
  return native.isInferenceModeEnabled();
}
