import { TorchError } from '../errors.ts';
import { cudaInfo } from '../tensor/index.ts';
import { refusePromise } from '../tensor/scope.ts';
import { type CudaDeviceProperties, native } from './native.ts';

/** A CUDA device: its number, `'cuda:1'`, or `'cuda'` for the current one. */
export type CudaDevice = number | string;

/**
 * The number of a device, null for the current one.
 *
 * @throws TypeError or RangeError for anything that names no CUDA device. Whether it is there is not looked at.
 */
export function deviceNumber(device: CudaDevice | null | undefined): number | null {
  if (device === undefined || device === null || device === 'cuda') return null;
  const wanted = 'Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got';
  if (typeof device === 'string') {
    const [, number] = /^cuda:(\d+)$/.exec(device) ?? [];
    if (number !== undefined) return Number(number);
    throw new RangeError(`${wanted} "${device}"`);
  }
  if (typeof device !== 'number') throw new TypeError(`${wanted} ${typeof device}`);
  if (Number.isInteger(device) && device >= 0) return device;
  throw new RangeError(`${wanted} ${device}`);
}

/** @throws TorchError `ERR_CUDA_UNAVAILABLE` with libtorch's reason and what to do. */
export function requireCuda(): void {
  const problem = native.cudaProblem();
  if (problem === null) return;
  throw new TorchError(`CUDA is not available: ${problem}`, { code: 'ERR_CUDA_UNAVAILABLE' });
}

/** Whether there is a CUDA device that libtorch can use. Never throws. */
export function isAvailable(): boolean {
  return native.cudaProblem() === null;
}

/** Why CUDA cannot be used and what to do, or null where it can. */
export function unavailableReason(): string | null {
  return cudaInfo().reason;
}

/** The number of devices; 0 where CUDA is not available. */
export function deviceCount(): number {
  return isAvailable() ? native.cudaDeviceCount() : 0;
}

/** Whether CUDA has been used in this process. */
export function isInitialized(): boolean {
  return native.cudaInitialized();
}

/** The number of the device that `'cuda'` means on this thread. */
export function currentDevice(): number {
  return native.cudaCurrentDevice();
}

/**
 * Makes `device` the one that `'cuda'` means on this thread. Prefer `device(n, fn)`, which restores.
 *
 * @throws RangeError when there is no such device.
 */
export function setDevice(device: CudaDevice): void {
  const number = deviceNumber(device);
  if (number !== null) native.cudaSetDevice(number);
}

/**
 * Runs `fn` with another current device, as `with torch.cuda.device(n)`. `fn` must be synchronous.
 *
 * @example const x = cuda.device(1, () => zeros([2], { device: 'cuda' })); // on cuda:1
 */
export function device<T>(device: CudaDevice, fn: () => T): T {
  const number = deviceNumber(device);
  const before = native.cudaCurrentDevice();
  if (number !== null) native.cudaSetDevice(number);
  try {
    const result = fn();
    refusePromise(result, 'cuda.device');
    return result;
  } finally {
    native.cudaSetDevice(before);
  }
}

/** What the driver says of a device: name, memory, multiprocessors, ... Default: the current device. */
export function getDeviceProperties(device?: CudaDevice): CudaDeviceProperties {
  return native.cudaDeviceProperties(deviceNumber(device));
}

/** The device's name, such as `NVIDIA H100 80GB HBM3`. */
export function getDeviceName(device?: CudaDevice): string {
  return getDeviceProperties(device).name;
}

/** Compute capability: `[9, 0]`. */
export function getDeviceCapability(device?: CudaDevice): [number, number] {
  const { major, minor } = getDeviceProperties(device);
  return [major, minor];
}

/** Whether the current device computes in bfloat16 (compute capability 8.0 and up); false without CUDA. */
export function isBf16Supported(): boolean {
  return isAvailable() && getDeviceProperties().major >= 8;
}

/**
 * Waits until the device has done all it was given. This blocks the event loop; `await
 * cuda.currentStream().synchronizeAsync()` does not.
 */
export function synchronize(device?: CudaDevice): void {
  native.cudaSynchronize(deviceNumber(device));
}
