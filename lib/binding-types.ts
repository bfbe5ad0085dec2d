import type { CudaOutOfMemoryError, TorchError } from './errors.ts';

/** An opaque native value: a tensor, generator or storage. Only the binding looks inside. */
export type Handle = { readonly __nativeHandle: never };

/** One argument or result of an op, from its live schema. */
export interface SchemaArgument {
  /** torch's name; empty for most results. */
  name: string;
  /** torch's type: `Tensor`, `int[]`, `ScalarType?`, ... */
  type: string;
  /** The N of `int[N]`: one number may stand for the list. */
  size?: number;
  kwargOnly?: true;
  hasDefault?: true;
  /** The alias set, `a`, or `a!` when the op writes to it. */
  alias?: string;
  /** No converter exists for this type. */
  unsupported?: true;
  /** A tensor for which a number may stand, as for `other` of `add`: it yields to the tensors' dtypes. */
  takesNumber?: true;
}

/** What an op takes and returns. */
export interface OpSchema {
  /** `aten::add` */
  name: string;
  /** `Tensor`, `out`, or empty. */
  overload: string;
  arguments: SchemaArgument[];
  returns: SchemaArgument[];
  /** Every result is an argument written in place. */
  returnsArguments: boolean;
}

/** A native op: arguments in schema order, tensors as handles, `undefined` for a default. */
export type NativeOp = (...args: unknown[]) => unknown;

/** How an engine runs a plan. */
export interface EngineSettings {
  threads: number;
  microBatch: number;
  maxBatch: number;
  maxDelayMs: number;
  maxQueue: number;
  /** Null: the best of this processor. */
  instructionSet: string | null;
}

/** What an engine has and has done. */
export interface EngineStats {
  threads: number;
  microBatch: number;
  instructionSet: string;
  arenaBytes: number;
  weightBytes: number;
  queued: number;
  batches: number;
  images: number;
  steps: { name: string; op: string; algorithm: string; milliseconds: number }[];
  /** Of models on CUDA: batch sizes that are recorded, the last used one last. */
  graphs?: number[];
}

/** Called with each job that has ended: an error, or the outputs. */
export type Settle = (id: number, error: Error | null, outputs: Handle[] | null) => void;

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

/** What autograd calls and keeps of JavaScript. Functions may be called while backward, or an op, runs. */
export interface AutogradBinding {
  /** The hook gives a tensor instead of the gradient, or undefined. */
  registerHook(tensor: Handle, hook: (gradient: Handle) => Handle | undefined): Handle;
  registerPostAccumulateGradHook(tensor: Handle, hook: (tensor: Handle) => undefined): Handle;
  removeHook(hook: Handle): void;
  retainGrad(tensor: Handle): void;
  retainsGrad(tensor: Handle): boolean;
  /**
   * For tensors that ops save from now on; `pass` is the number of the backward pass, -1 in none. With `frees`, the handles
   * given to `pack` and given by `unpack` are disposed.
   */
  pushSavedHooks(
    pack: (tensor: Handle) => unknown,
    unpack: (value: never, pass: number) => Handle,
    frees: boolean,
  ): void;
  popSavedHooks(): void;
  /**
   * Makes the outputs of a forward what `backward` differentiates. Gives the tensors that stand for outputs, null where an
   * output stands for itself, and a handle for `savedTensors`, null where nothing is differentiated.
   */
  endFunction(
    name: string,
    inputs: Handle[],
    outputs: (Handle | null)[],
    nonDifferentiable: Handle[],
    dirty: Handle[],
    saved: (Handle | null)[],
    materializeGrads: boolean,
    backward: (gradients: (Handle | null)[]) => (Handle | null)[],
    jvp: (tangents: (Handle | null)[]) => (Handle | null)[],
  ): [(Handle | null)[], Handle | null];
  savedTensors(saved: Handle): (Handle | null)[];
  setStackReader(read: () => string): void;
  /** Of the whole process. */
  setAnomaly(enabled: boolean, checkNan: boolean): void;
  isAnomalyEnabled(): boolean;
  isAnomalyCheckNan(): boolean;
  /** The name of the node that failed last and the stack of its forward, in lines; empty without. */
  takeAnomaly(): string;
}

/** c10d of libtorch. Promises are settled when other threads have done the work; what is named `...Now` waits. */
export interface DistributedBinding {
  /** Connects; a server that has not come yet is waited for. Times are in milliseconds. */
  tcpStore(
    host: string,
    port: number,
    worldSize: number,
    isServer: boolean,
    timeout: number,
    waitForWorkers: boolean,
  ): Promise<Handle>;
  fileStore(path: string, worldSize: number): Handle;
  hashStore(): Handle;
  prefixStore(prefix: string, store: Handle): Handle;
  /** 0 for a store without one. */
  storePort(store: Handle): number;
  storeSet(store: Handle, key: string, value: Uint8Array): Promise<void>;
  storeGet(store: Handle, key: string): Promise<Uint8Array>;
  storeAdd(store: Handle, key: string, amount: number): Promise<number>;
  storeCompareSet(store: Handle, key: string, expected: Uint8Array, desired: Uint8Array): Promise<Uint8Array>;
  storeCheck(store: Handle, keys: readonly string[]): Promise<boolean>;
  storeDeleteKey(store: Handle, key: string): Promise<boolean>;
  storeNumKeys(store: Handle): Promise<number>;
  storeWait(store: Handle, keys: readonly string[], timeout: number): Promise<void>;
  storeSetTimeout(store: Handle, timeout: number): void;

  /** `ranks` are global ones, by rank of the group. */
  processGroup(
    store: Handle,
    name: string,
    rank: number,
    ranks: readonly number[],
    timeout: number,
  ): Promise<Handle>;
  closeGroup(group: Handle): Promise<void>;
  /** `numbers` are the reduction, the root or peer, and the tag. Gives the rank that a message came from, else nothing. */
  collective(...request: CollectiveRequest): Promise<number | undefined>;
  collectiveNow(...request: CollectiveRequest): void;

  reducer(
    group: Handle,
    parameters: Handle[],
    names: readonly string[],
    sparse: readonly number[],
    bytes: readonly [bucket: number, firstBucket: number],
    flags: readonly number[],
  ): Handle;
  verifyParameters(group: Handle, parameters: Handle[]): void;
  broadcastCoalesced(group: Handle, tensors: Handle[], bufferBytes: number, root: number): void;
  /** Both of these, on a thread of its own. */
  synchronizeAside(group: Handle, parameters: Handle[], states: Handle[], bufferBytes: number): Promise<void>;
  reducerPrepareForForward(reducer: Handle): void;
  /** Whether they were rebuilt now. */
  reducerRebuildBuckets(reducer: Handle): boolean;
  reducerPrepareForBackward(reducer: Handle, outputs: Handle[]): void;
  reducerSink(reducer: Handle, outputs: Handle[], delaysReduction: boolean): Handle[];
  reducerBuckets(reducer: Handle): number[];

  syncBatchNorm(
    group: Handle,
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle | null,
    runningVar: Handle | null,
    eps: number,
    momentum: number,
  ): Handle;
}

/** What a collective is asked. */
export type CollectiveRequest = [
  group: Handle,
  name: string,
  outputs: readonly (readonly Handle[])[],
  inputs: readonly (readonly Handle[])[],
  numbers: readonly [op: number, number: number, tag: number],
  outputCounts: readonly number[],
  inputCounts: readonly number[],
  timeout: number,
];

/** The native module, described once. Each function checks what would crash; names are checked above. */
export interface Binding extends DeviceBinding, AutogradBinding, DistributedBinding {
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
  compiledCreate(plan: unknown, settings: EngineSettings, settle: Settle): Handle;
  compiledAttach(token: string, settle: Settle): Handle | undefined;
  compiledAccount(model: Handle): void;
  pinMemory(tensors: Handle[]): Handle;
  compiledShare(model: Handle): string;
  compiledDescribe(model: Handle, text: string): void;
  compiledDescription(model: Handle): string;
  /** How many wait, when the queue is full. */
  compiledRun(model: Handle, id: number, inputs: Handle[] | null): number | undefined;
  compiledCancel(model: Handle, id: number): void;
  compiledStats(model: Handle): EngineStats;
  instructionSets(): string[];

  /** A crew of threads that prepare images; `settle` is told of each batch. */
  imagesCreate(threads: number, settle: (id: number, result: (number | string | null)[]) => void): Handle;
  /** Reads files: a batch, and then their heights and widths, 0 for what is not read natively. */
  imagesOpen(
    crew: Handle,
    id: number,
    sources: (Uint8Array | readonly [path: string | Buffer, offset: number, length: number])[],
  ): Handle;
  /** Fills rows (null: leaves the image out), and then gives for each why it could not, or null. */
  imagesPrepare(
    crew: Handle,
    id: number,
    batch: Handle,
    rows: (Handle | null)[],
    recipes: Int32Array,
    values: Handle | null,
  ): void;
  imagesClose(crew: Handle): void;
  /** A uint8 image (N, C, H, W) in another size, as Pillow's; `filter` is 0 bilinear, 1 bicubic, 2 lanczos. */
  imagesResize(image: Handle, height: number, width: number, filter: number): Handle;
  /** The name and version of the JPEG library in this build; empty where there is none. */
  jpegLibrary(): string;

  setWarningHandler(handler: (message: string) => void): void;
  setTorchError(errorClass: typeof TorchError, outOfMemoryClass: typeof CudaOutOfMemoryError): void;
}
