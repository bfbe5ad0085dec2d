import { requireCuda } from '../cuda/device.ts';
import { TorchError } from '../errors.ts';
import { checkNumbers, describeValue } from '../options.ts';
import type { Device } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';
import type { Factors } from './scaler-state.ts';

/** A method of GradScaler was called out of order. */
export function stateError(message: string): TorchError {
  return new TorchError(message, { code: 'ERR_GRAD_SCALER' });
}

export function checkDevice(device: Device, enabled: boolean): Device {
  if (typeof device !== 'string') {
    throw new TypeError(`Expected a device for GradScaler, got ${typeof device}`);
  }
  // Refuses kinds of devices that there are not.
  native.isAutocastAvailable(device.replace(/:\d+$/, ''));
  if (enabled && device.startsWith('cuda')) requireCuda();
  return device;
}

/** @throws RangeError for factors that would not change the scale in their direction. */
export function checkFactors({ growthFactor, backoffFactor, growthInterval }: Factors): void {
  const fail = (name: string, wanted: string, value: number) => {
    throw new RangeError(`Expected ${wanted} for GradScaler ${name}, got ${value}`);
  };
  checkNumbers('GradScaler', { growthFactor, backoffFactor, growthInterval });
  if (!(growthFactor > 1)) fail('growthFactor', 'a number above 1', growthFactor);
  if (!(backoffFactor < 1)) fail('backoffFactor', 'a number below 1', backoffFactor);
  if (!Number.isInteger(growthInterval) || growthInterval < 1)
    fail('growthInterval', 'an integer of at least 1', growthInterval);
}

/** Refuses what has no gradients to look at. */
export function checkOptimizer(method: string, optimizer: unknown): void {
  const { paramGroups, step } = (optimizer ?? {}) as { paramGroups?: unknown; step?: unknown };
  if (Array.isArray(paramGroups) && typeof step === 'function') return;
  throw new TypeError(`Expected an Optimizer for GradScaler.${method}, got ${describeValue(optimizer)}`);
}

/** torch asserts the same: a step without gradients would tell the scale nothing. */
export function requireChecked(foundInf: readonly unknown[]): void {
  if (foundInf.length > 0) return;
  throw stateError(
    'Expected gradients in the optimizer for GradScaler.step, got none; call backward() first',
  );
}
