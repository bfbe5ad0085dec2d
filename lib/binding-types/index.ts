import type { CudaOutOfMemoryError, TorchError } from '../errors.ts';
import type { AutogradBinding } from './autograd.ts';
import type { DeviceBinding } from './device.ts';
import type { DistributedBinding } from './distributed.ts';
import type { EngineBinding } from './engine.ts';
import type { ImageBinding } from './images.ts';
import type { Handle, NativeOp, OpSchema } from './schema.ts';

export type * from './autograd.ts';
export type * from './device.ts';
export type * from './distributed.ts';
export type * from './engine.ts';
export type * from './images.ts';
export type * from './schema.ts';

/** The native module, described once. Each function checks what would crash; names are checked above. */
export interface Binding
  extends DeviceBinding,
    AutogradBinding,
    DistributedBinding,
    EngineBinding,
    ImageBinding {
  listOps(): string[];
  getSchema(name: string, overload: string): OpSchema | undefined;
  getOp(name: string, overload: string): NativeOp | undefined;
  /** For an op of a tensor and sizes: a function that takes the sizes as numbers, `(tensor, 2, 3)`. */
  getSizesOp(name: string, overload: string): NativeOp | undefined;
  listOverloads(name: string): string[] | undefined;
  refreshOverloads(): void;
  loadLibrary(path: string): void;
  /** Whether an op has a kernel of its own for a dispatch key: `CUDA`, `CPU`, `Autograd`. */
  hasKernel(name: string, overload: string, key: string): boolean;

  sizes(tensor: Handle): number[];
  strides(tensor: Handle): number[];
  dim(tensor: Handle): number;
  numel(tensor: Handle): number;
  storageOffset(tensor: Handle): number;
  itemsize(tensor: Handle): number;
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  layout(tensor: Handle): string;
  isContiguous(tensor: Handle, memoryFormat?: string): boolean;
  isSame(a: Handle, b: Handle): boolean;
  alias(tensor: Handle): Handle;
  isDisposed(handle: Handle): boolean;
  dispose(handle: Handle): void;
  /** Whether `fromBuffer` works: the runtime lets a tensor hold a buffer's memory. */
  canShareBuffers(): boolean;
  /** Whether transferring a buffer to another size moves its memory although others hold it. */
  movesBuffers(): boolean;
  fromBuffer(data: ArrayBufferView | ArrayBuffer, dtype: string, shape: number[], byteOffset: number): Handle;
  fromCopy(data: ArrayBufferView | ArrayBuffer, dtype: string, shape: number[]): Handle;
  readBytes(tensor: Handle): ArrayBuffer;

  mapFile(path: string): [Handle, number];
  pagesStorage(nbytes: number): Handle;
  storageWrite(storage: Handle, byteOffset: number, bytes: Uint8Array): void;
  storageRange(storage: Handle, byteOffset: number, nbytes: number): Handle;
  storageFromCopy(data: Uint8Array): Handle;
  storageBytes(storage: Handle): number;
  storagePointer(storage: Handle): bigint;
  storageCopy(storage: Handle, byteOffset: number, nbytes: number): ArrayBuffer;
  storageView(storage: Handle): ArrayBuffer;
  storageOfTensor(tensor: Handle): Handle;
  tensorFromStorage(storage: Handle, dtype: string, offset: number, size: number[], stride: number[]): Handle;

  readStorages(fd: number, offsets: number[], sizes: number[]): Handle[];
  copyTensors(targets: Handle[], sources: Handle[]): number[];
  exclusivePairs(targets: Handle[], sources: Handle[], owned: Handle[]): number[];

  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradFnName(tensor: Handle): string | null;
  grad(tensor: Handle): Handle | null;
  setGrad(tensor: Handle, grad: Handle | null): void;
  backward(
    tensors: Handle[],
    gradients: (Handle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    inputs: Handle[],
  ): void;
  gradOf(
    outputs: Handle[],
    inputs: Handle[],
    gradients: (Handle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  /** Begins a level of forward-mode differentiation, of which there is one in the process: its number. */
  enterDualLevel(): number;
  exitDualLevel(): void;
  /** Whether ops propagate tangents; what it was before. */
  setForwardMode(value: boolean): boolean;
  /** Begins a vmap: its level. */
  enterVmap(): number;
  exitVmap(): void;
  isGradEnabled(): boolean;
  setGradEnabled(value: boolean): void;
  isInferenceModeEnabled(): boolean;
  enterInferenceMode(value: boolean): void;
  exitInferenceMode(): void;

  versions(): { compiled: string; cpuCapability: string; parallel: string; config: string };
  getNumThreads(): number;
  setNumThreads(threads: number): void;
  getNumInteropThreads(): number;
  manualSeed(seed: number | bigint): void;
  initialSeed(generator: Handle | null): bigint;
  makeGenerator(device: string): Handle;
  generatorSeed(generator: Handle | null, seed: number | bigint): void;
  generatorState(generator: Handle | null): Handle;
  setGeneratorState(generator: Handle | null, state: Handle): void;
  /** Moves the CPU's default generator on as if it had drawn `count` numbers of 32 bits. */
  skipRandom(count: number): void;
  memoryStats(): {
    tensors: number;
    bytes: number;
    cpuBytes: number;
    peakCpuBytes: number;
    cachedCpuBytes: number;
  };
  emptyCpuCache(): void;
  resetPeakMemoryStats(): void;
  /** Why nothing was written, empty where the forward refuses a sample; undefined where the file was written. */
  traceTorchScript(
    name: string,
    keys: readonly string[],
    tensors: readonly Handle[],
    parameters: number,
    samples: readonly (readonly Handle[])[],
    required: number,
    inputNames: readonly string[],
    forward: (inputs: Handle[]) => Handle[] | undefined,
    seal: (taken: number) => string,
    write: (bytes: Uint8Array) => void,
  ): string | undefined;
  pinMemory(tensors: Handle[]): Handle;
  setWarningHandler(handler: (message: string) => void): void;
  setTorchError(errorClass: typeof TorchError, outOfMemoryClass: typeof CudaOutOfMemoryError): void;
}
