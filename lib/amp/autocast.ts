import { requireCuda } from '../cuda/device.ts';
import { checkFlags, checkFunction, checkOptions, checkPositions } from '../options.ts';
import type { Device, DType } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';
import { refusePromise } from '../tensor/scope.ts';

/** Options of {@link autocast}. */
export interface AutocastOptions {
  /** What ops that gain from it compute in. Default float16 on cuda, bfloat16 on cpu. */
  dtype?: 'float16' | 'bfloat16';
  /** False runs `fn` without autocast, inside another region too. Default true. */
  enabled?: boolean;
  /** Cast each weight once in the outermost region, not at each use. Default: as outside, at first true. */
  cacheEnabled?: boolean;
}

const DTYPES: readonly string[] = ['float16', 'bfloat16'];

/** `cuda` for `cuda:1`. */
function typeOf(device: Device): string {
  if (typeof device === 'string') return device.replace(/:\d+$/, '');
  throw new TypeError(`Expected a device for autocast, got ${typeof device}`);
}

function checkDtype(dtype: string | undefined): void {
  if (dtype === undefined || DTYPES.includes(dtype)) return;
  throw new RangeError(
    `Expected float16 or bfloat16 for autocast dtype, got "${dtype}"; pass { enabled: false } for full precision`,
  );
}

function enter(device: Device, options: AutocastOptions): void {
  checkOptions('autocast', options, ['dtype', 'enabled', 'cacheEnabled']);
  const { dtype, enabled = true, cacheEnabled } = options;
  checkFlags('autocast', { enabled, cacheEnabled });
  const type = typeOf(device);
  checkDtype(dtype);
  if (enabled && type === 'cuda') requireCuda();
  native.enterAutocast(type, dtype, enabled, cacheEnabled);
}

/**
 * Runs `fn` in mixed precision, as torch.autocast: matrix products and convolutions of float32 tensors on `device`
 * compute in `dtype`, ops that need the range (softmax, losses, norms) in float32. Wrap the forward pass and the loss,
 * not backward. Regions nest, and belong to the thread: `fn` must be synchronous.
 *
 * Where torch warns and goes on in full precision, this throws.
 *
 * @throws TypeError when `fn` returns a promise; RangeError for a device or dtype without autocast; TorchError
 *   `ERR_CUDA_UNAVAILABLE` for cuda without a device.
 * @example
 * const loss = autocast('cuda', { dtype: 'bfloat16' }, () => criterion.forward(model.forward(x), labels));
 * loss.backward();
 */
export function autocast<T>(device: Device, fn: () => T): T;
export function autocast<T>(device: Device, options: AutocastOptions, fn: () => T): T;
export function autocast<T>(device: Device, first: AutocastOptions | (() => T), second?: () => T): T {
  const [options, fn] = (typeof first === 'function' ? [{}, first] : [first, second]) as [
    AutocastOptions,
    () => T,
  ];
  checkPositions('autocast', arguments, typeof first === 'function' ? 2 : 3);
  checkFunction('autocast', fn);
  enter(device, options);
  try {
    const result = fn();
    refusePromise(result, 'autocast');
    return result;
  } finally {
    native.exitAutocast();
  }
}

/** Whether libtorch has autocast for a kind of device. */
export function isAutocastAvailable(device: Device): boolean {
  return native.isAutocastAvailable(typeOf(device));
}

/** Whether an `autocast` for this kind of device is running. */
export function isAutocastEnabled(device: Device): boolean {
  return native.isAutocastEnabled(typeOf(device));
}

/** What `autocast` computes in where no dtype is given. */
export function getAutocastDtype(device: Device): DType {
  return native.getAutocastDtype(typeOf(device)) as DType;
}

/** Whether cast weights are kept until the outermost region ends. */
export function isAutocastCacheEnabled(): boolean {
  return native.isAutocastCacheEnabled();
}

/** Drops the cast weights, after a weight was changed inside a region. */
export function clearAutocastCache(): void {
  native.clearAutocastCache();
}
