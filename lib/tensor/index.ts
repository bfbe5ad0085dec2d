export type { Scalar } from '../ops/index.ts';
export { Complex, listOps, OpaqueValue } from '../ops/index.ts';
export { allclose, equal, type Tolerance } from './compare.ts';
export * from './create.ts';
export type { Device, DType, MemoryFormat, TypedArray } from './dtype.ts';
export { dtypeOfArray, isComplex, isFloatingPoint } from './dtype.ts';
export type { Element, NestedArray } from './elements.ts';
export {
  type AnomalyOptions,
  detectAnomaly,
  isAnomalyEnabled,
  setDetectAnomaly,
} from './gradients/anomaly.ts';
export { type BackwardAllOptions, backward, type GradOptions, grad } from './gradients/grad.ts';
export type { GradHook, HookHandle } from './gradients/grad-hooks.ts';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './gradients/modes.ts';
export { type Index, type IndexArray, Slice, slice } from './indexing/index-types.ts';
export type { IndexValue } from './indexing/indexing.ts';
export { formatParameter, formatTensor } from './printing/print.ts';
export { getPrintoptions, type PrintOptions, setPrintoptions } from './printing/print-options.ts';
export { Generator, getRngState, initialSeed, manualSeed, seed, setRngState } from './random.ts';
export {
  type CudaInfo,
  cudaInfo,
  emptyCpuCache,
  getNumInteropThreads,
  getNumThreads,
  type MemoryStats,
  memoryStats,
  type RuntimeInfo,
  resetPeakMemoryStats,
  runtimeInfo,
  setNumThreads,
} from './runtime.ts';
export { keep, scope } from './scope.ts';
export { MappedFile, UntypedStorage } from './storage.ts';
export { type BackwardOptions, isTensor, ops, Tensor } from './tensor.ts';
export type { ToOptions } from './to-options.ts';
