/** torch.cuda: devices, memory, streams, events and random numbers. */
export {
  type CudaDevice,
  currentDevice,
  device,
  deviceCount,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  isAvailable,
  isBf16Supported,
  isInitialized,
  setDevice,
  synchronize,
  unavailableReason,
} from './device.ts';
export {
  type CaptureErrorMode,
  type CaptureOptions,
  CUDAGraph,
  type GraphOptions,
  type GraphPool,
  graph,
  graphPoolHandle,
  isCurrentStreamCapturing,
} from './graph.ts';
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
} from './memory.ts';
export type { CudaDeviceProperties } from './native.ts';
export {
  getRngState,
  getRngStateAll,
  initialSeed,
  manualSeed,
  manualSeedAll,
  setRngState,
  setRngStateAll,
} from './random.ts';
export {
  currentStream,
  defaultStream,
  Event,
  type EventOptions,
  Stream,
  type StreamOptions,
  setStream,
  withStream,
} from './stream.ts';
