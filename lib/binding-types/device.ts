import type { Handle } from './schema.ts';

/** What a CUDA driver says of a device; libtorch's names, bytes and kHz. */
export interface CudaDeviceProperties {
  name: string;
  /** As nvidia-smi prints it, without `GPU-`. */
  uuid: string;
  /** Compute capability. */
  major: number;
  minor: number;
  totalMemory: number;
  multiProcessorCount: number;
  maxThreadsPerBlock: number;
  maxThreadsPerMultiProcessor: number;
  warpSize: number;
  regsPerMultiprocessor: number;
  sharedMemoryPerBlock: number;
  sharedMemoryPerBlockOptin: number;
  sharedMemoryPerMultiprocessor: number;
  l2CacheSize: number;
  clockRate: number;
  memoryClockRate: number;
  /** Bits. */
  memoryBusWidth: number;
  pciBusId: number;
  pciDeviceId: number;
  pciDomainId: number;
  isIntegrated: boolean;
  isMultiGpuBoard: boolean;
  /** The newest CUDA that the driver runs: 13000 for 13.0. */
  driverVersion: number;
}

/** CUDA, streams and autocast. A device is its number, null the current one. */
export interface DeviceBinding {
  /** Why CUDA cannot be used and what to do, or null. */
  cudaProblem(): string | null;
  cudaDeviceCount(): number;
  cudaCurrentDevice(): number;
  cudaSetDevice(device: number): void;
  cudaSynchronize(device: number | null): void;
  cudaInitialized(): boolean;
  cudaDeviceProperties(device: number | null): CudaDeviceProperties;
  cudaMemoryStats(device: number | null): Record<string, number>;
  cudaResetPeakMemoryStats(device: number | null): void;
  cudaResetAccumulatedMemoryStats(device: number | null): void;
  cudaMemoryInfo(device: number | null): [number, number];
  cudaEmptyCache(): void;
  cudaDefaultGenerator(device: number | null): Handle;

  cudaNewStream(device: number | null, priority: number): Handle;
  cudaCurrentStream(device: number | null): Handle;
  cudaDefaultStream(device: number | null): Handle;
  cudaSetStream(stream: Handle): void;
  /** Leaves the current device alone; returns the stream until now. */
  cudaExchangeStream(stream: Handle): Handle;
  streamDevice(stream: Handle): number;
  streamPointer(stream: Handle): bigint;
  isSameStream(a: Handle, b: Handle): boolean;
  queryStream(stream: Handle): boolean;
  synchronizeStream(stream: Handle): void;
  streamDone(stream: Handle): Promise<void>;
  cudaNewEvent(enableTiming: boolean): Handle;
  recordEvent(event: Handle, stream: Handle): void;
  /** Work given to the stream from now on waits for the event. */
  blockStream(event: Handle, stream: Handle): void;
  queryEvent(event: Handle): boolean;
  synchronizeEvent(event: Handle): void;
  elapsedTime(start: Handle, end: Handle): number;
  copyToHost(tensor: Handle): Promise<Handle>;

  enterAutocast(
    device: string,
    dtype: string | undefined,
    enabled: boolean,
    cacheEnabled: boolean | undefined,
  ): void;
  exitAutocast(): void;
  isAutocastAvailable(device: string): boolean;
  isAutocastEnabled(device: string): boolean;
  getAutocastDtype(device: string): string;
  isAutocastCacheEnabled(): boolean;
  clearAutocastCache(): void;

  backendFlag(name: string): boolean;
  setBackendFlag(name: string, value: boolean): void;
  cudnnBenchmarkLimit(): number;
  setCudnnBenchmarkLimit(limit: number): void;
  cudnnVersion(): number | null;
  float32MatmulPrecision(): string;
  setFloat32MatmulPrecision(precision: string): void;
}
