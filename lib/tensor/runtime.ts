import { loadBinding } from '../binding.ts';
import type { LibtorchSource } from '../libtorch/find/locate.ts';
import { native } from './native.ts';

/** Live native memory of this JavaScript environment and of the process. */
export interface MemoryStats {
  /** Tensor objects alive in this environment (main thread or worker). */
  tensors: number;
  /** Bytes that freeing them would give back. */
  bytes: number;
  /** Bytes of CPU tensors alive in the process: all environments, graphs and temporaries. */
  cpuBytes: number;
  /** The most that `cpuBytes` has been since the start or `resetPeakMemoryStats`. */
  peakCpuBytes: number;
  /** Bytes of freed large blocks that are kept for reuse. */
  cachedCpuBytes: number;
}

export function memoryStats(): MemoryStats {
  return native.memoryStats();
}

/** Gives the freed blocks that are kept for reuse back to the system. */
export function emptyCpuCache(): void {
  native.emptyCpuCache();
}

export function resetPeakMemoryStats(): void {
  native.resetPeakMemoryStats();
}

/** Threads that one op may use. Set per JavaScript thread: each worker starts with the machine's default. */
export function getNumThreads(): number {
  return native.getNumThreads();
}

export function setNumThreads(threads: number): void {
  native.setNumThreads(threads);
}

export function getNumInteropThreads(): number {
  return native.getNumInteropThreads();
}

/** Whether CUDA can be used, and why not. */
export interface CudaInfo {
  available: boolean;
  deviceCount: number;
  /** Why CUDA is unavailable; null when it is. */
  reason: string | null;
}

/** What is loaded and what it can do. */
export interface RuntimeInfo {
  torchVersion: string;
  cpuCapability: string;
  numThreads: number;
  numInteropThreads: number;
  bindingPath: string;
  libtorch: { root: string; version: string; flavour: string; source: LibtorchSource };
  cuda: CudaInfo;
}

function cudaReason(): string | null {
  const { flavour, version } = loadBinding().libtorch;
  if (flavour === 'cpu') {
    const build = `${version.replace(/\+.*/, '')}+${flavour}`;
    return `libtorch ${build} is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda`;
  }
  return native.cudaProblem();
}

export function cudaInfo(): CudaInfo {
  const reason = cudaReason();
  const deviceCount = reason === null ? native.cudaDeviceCount() : 0;
  return { available: reason === null, deviceCount, reason };
}

export function runtimeInfo(): RuntimeInfo {
  const { path, libtorch } = loadBinding();
  const { root, version, flavour, source } = libtorch;
  const { compiled, cpuCapability } = native.versions();
  return {
    torchVersion: compiled,
    cpuCapability,
    numThreads: native.getNumThreads(),
    numInteropThreads: native.getNumInteropThreads(),
    bindingPath: path,
    libtorch: { root, version, flavour, source },
    cuda: cudaInfo(),
  };
}
