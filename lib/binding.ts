import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LibtorchError, TorchError } from './errors.ts';
import { type Libtorch, locateLibtorch } from './libtorch/locate.ts';

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
}

/** Called with each job that has ended: an error, or the outputs. */
export type Settle = (id: number, error: Error | null, outputs: Handle[] | null) => void;

/** The native module, described once. Each function checks what would crash; names are checked above. */
export interface Binding {
  listOps(): string[];
  getSchema(name: string, overload: string): OpSchema | undefined;
  getOp(name: string, overload: string): NativeOp | undefined;
  /** For an op of a tensor and sizes: a function that takes the sizes as numbers, `(tensor, 2, 3)`. */
  getSizesOp(name: string, overload: string): NativeOp | undefined;
  listOverloads(name: string): string[] | undefined;
  refreshOverloads(): void;
  loadLibrary(path: string): void;

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
  fromBuffer(data: ArrayBufferView | ArrayBuffer, dtype: string, shape: number[], byteOffset: number): Handle;
  fromCopy(data: ArrayBufferView | ArrayBuffer, dtype: string, shape: number[]): Handle;
  readBytes(tensor: Handle): ArrayBuffer;

  mapFile(path: string): [Handle, number];
  mapRange(fd: number, byteOffset: number, nbytes: number): Handle;
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
  initialSeed(): bigint;
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
  /** The graph as text; where that is `expected`, `write` gets the file's bytes. */
  traceTorchScript(
    name: string,
    keys: readonly string[],
    tensors: readonly Handle[],
    parameters: number,
    inputs: readonly Handle[],
    inputNames: readonly string[],
    forward: (inputs: Handle[]) => Handle[],
    expected: string | undefined,
    write: ((bytes: Uint8Array) => void) | undefined,
  ): string;
  compiledCreate(plan: unknown, settings: EngineSettings, settle: Settle): Handle;
  compiledAttach(token: string, settle: Settle): Handle | undefined;
  compiledShare(model: Handle): string;
  compiledDescribe(model: Handle, text: string): void;
  compiledDescription(model: Handle): string;
  compiledRun(model: Handle, id: number, inputs: Handle[] | null): boolean;
  compiledCancel(model: Handle, id: number): void;
  compiledStats(model: Handle): EngineStats;
  instructionSets(): string[];

  hasCuda(): boolean;
  cudaDeviceCount(): number;
  setWarningHandler(handler: (message: string) => void): void;
  setTorchError(errorClass: typeof TorchError): void;
}

interface Shim {
  /** Begins to open the libraries on another thread; what fails is left to `load`. */
  preload(libraries: string[], binding: string): void;
  load(libraries: string[], binding: string): Binding;
}

/** The loaded native module and where it came from. */
export interface LoadedBinding {
  binding: Binding;
  path: string;
  libtorch: Libtorch;
}

const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const SHIM = 'ibn_net.node';

/** Folders that may hold the native module, most local first. `IBN_NET_BINDING_DIR` replaces them all. */
function bindingFolders(): string[] {
  const override = process.env.IBN_NET_BINDING_DIR;
  if (override) return [override];
  return [
    join(packageRoot, 'build', 'Release'),
    join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`),
  ];
}

function findBinding(libtorch: Libtorch): { shim: string; path: string } {
  const minor = libtorch.version.split('.').slice(0, 2).join('.');
  const name = `binding-${minor}.so`;
  const tried: string[] = [];
  for (const folder of bindingFolders()) {
    const shim = join(folder, SHIM);
    const path = join(folder, name);
    if (existsSync(shim) && existsSync(path)) return { shim, path };
    tried.push(`- ${existsSync(shim) ? path : shim}: no such file`);
  }
  throw new LibtorchError(
    `Could not load the native module for ${process.platform}-${process.arch} and libtorch ${libtorch.version}:\n` +
      `${tried.join('\n')}\nPossible solutions:\n` +
      '- In a clone, build it: npm run build && npm run build:native\n' +
      '- Use a libtorch that has a prebuilt binding: npx ibn-net install-libtorch',
    { code: 'ERR_NATIVE_MODULE_NOT_FOUND' },
  );
}

/** The libraries to map before the binding: the CUDA one registers the device's kernels. */
function librariesOf(libtorch: Libtorch): string[] {
  const cuda = join(libtorch.libDir, 'libtorch_cuda.so');
  const cpu = join(libtorch.libDir, 'libtorch_cpu.so');
  return existsSync(cuda) ? [cpu, cuda] : [cpu];
}

interface Found {
  libtorch: Libtorch;
  shim: Shim;
  path: string;
}

/** Finds libtorch and the native module. The shim is small; libtorch is not read yet. */
function find(): Found {
  const libtorch = locateLibtorch();
  const { shim, path } = findBinding(libtorch);
  return { libtorch, shim: requireShim(shim, libtorch), path };
}

let found: Found | undefined;
let loaded: LoadedBinding | undefined;

/**
 * Begins to map libtorch on another thread while modules are still evaluated: most of an import's time is libtorch's.
 * What fails is left to `loadBinding`, which meets the same failure and throws it.
 */
function preloadBinding(): void {
  try {
    found = find();
    found.shim.preload(librariesOf(found.libtorch), found.path);
  } catch {
    found = undefined;
  }
}

/**
 * Finds libtorch and loads the native module over it, once per JavaScript environment.
 *
 * @throws LibtorchError with every place looked at and the commands that help.
 */
export function loadBinding(): LoadedBinding {
  if (loaded) return loaded;
  found ??= find();
  const { libtorch, shim, path } = found;
  try {
    const binding = shim.load(librariesOf(libtorch), path);
    binding.setTorchError(TorchError);
    binding.setWarningHandler((message) => process.emitWarning(message, { code: 'TORCH_WARNING' }));
    loaded = { binding, path, libtorch };
    return loaded;
  } catch (cause) {
    throw loadFailure(libtorch, cause);
  }
}

function requireShim(path: string, libtorch: Libtorch): Shim {
  try {
    return createRequire(import.meta.url)(path) as Shim;
  } catch (cause) {
    throw loadFailure(libtorch, cause);
  }
}

function loadFailure(libtorch: Libtorch, cause: unknown): LibtorchError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LibtorchError(
    `Could not load libtorch ${libtorch.version} (${libtorch.flavour}) from ${libtorch.root}:\n- ${reason}\n` +
      'Possible solutions:\n' +
      '- Install libtorch again: npx ibn-net install-libtorch\n' +
      '- Rebuild the native module for it: npm run build:native',
    { code: 'ERR_NATIVE_MODULE_LOAD', cause },
  );
}

preloadBinding();
