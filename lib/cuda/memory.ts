import { type CudaDevice, deviceNumber } from './device.ts';
import { native } from './native.ts';

/**
 * Every count of libtorch's allocator under torch's keys, such as `allocated_bytes.all.peak`. Empty before CUDA is
 * first used. Default: the current device.
 */
export function memoryStats(device?: CudaDevice): Record<string, number> {
  return native.cudaMemoryStats(deviceNumber(device));
}

const stat = (key: string, device: CudaDevice | undefined): number => memoryStats(device)[key] ?? 0;

/** Bytes of tensors alive on the device. */
export function memoryAllocated(device?: CudaDevice): number {
  return stat('allocated_bytes.all.current', device);
}

/** The most that `memoryAllocated` has been since the start or `resetPeakMemoryStats`. */
export function maxMemoryAllocated(device?: CudaDevice): number {
  return stat('allocated_bytes.all.peak', device);
}

/** Bytes that libtorch's allocator holds of the device: tensors, and free blocks kept for reuse. */
export function memoryReserved(device?: CudaDevice): number {
  return stat('reserved_bytes.all.current', device);
}

/** The most that `memoryReserved` has been since the start or `resetPeakMemoryStats`. */
export function maxMemoryReserved(device?: CudaDevice): number {
  return stat('reserved_bytes.all.peak', device);
}

/** Lets peaks count from the present values. */
export function resetPeakMemoryStats(device?: CudaDevice): void {
  native.cudaResetPeakMemoryStats(deviceNumber(device));
}

/** Sets the counts of what was ever allocated and freed to 0. */
export function resetAccumulatedMemoryStats(device?: CudaDevice): void {
  native.cudaResetAccumulatedMemoryStats(deviceNumber(device));
}

/** Free and total bytes of the device, other processes counted: `[free, total]`. */
export function memGetInfo(device?: CudaDevice): [number, number] {
  return native.cudaMemoryInfo(deviceNumber(device));
}

/**
 * Gives the free blocks that libtorch keeps back to the driver, for other processes to use; tensors stay. Nothing
 * happens before CUDA is first used.
 */
export function emptyCache(): void {
  native.cudaEmptyCache();
}
