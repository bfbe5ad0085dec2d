import { createRequire } from 'node:module';
import type { Binding } from './binding-types/index.ts';
import { CudaOutOfMemoryError, type LibtorchError, messageOf, TorchError } from './errors.ts';
import { type Libtorch, locateLibtorch } from './libtorch/find/locate.ts';
import {
  findCompanion,
  findNativeModule,
  librariesOf,
  minorsIn,
  type NativeModule,
  nativeFolders,
  prebuiltFolder,
} from './libtorch/find/native-module.ts';
import { bundledError, isClone } from './libtorch/find/package-root.ts';
import { type FirstUse, firstUse } from './libtorch/load/first-use.ts';
import { diedProblem, missingModule, refusedProblem } from './libtorch/load/load-problems.ts';
import { limitSpinning } from './libtorch/load/spinning.ts';
import { readSystem } from './libtorch/load/system.ts';
import { type LoadPaths, tryLoading } from './libtorch/load/trial.ts';
import { problemError } from './problem.ts';

export type {
  Binding,
  CollectiveRequest,
  CudaDeviceProperties,
  DeviceBinding,
  DistributedBinding,
  EngineSettings,
  EngineStats,
  Handle,
  NativeOp,
  OpSchema,
  SchemaArgument,
  Settle,
} from './binding-types/index.ts';

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

interface Found {
  libtorch: Libtorch;
  native: NativeModule;
  paths: LoadPaths;
  shim: Shim;
  firstUse: FirstUse;
}

/** Finds libtorch and the native module. The shim is small; libtorch is not read yet. */
function find(): Found {
  const libtorch = locateLibtorch();
  const native = findNativeModule(libtorch, nativeFolders());
  if ('missing' in native) {
    const prebuilt = minorsIn(prebuiltFolder());
    const lacksPrebuilds = prebuilt.length === 0 && !isClone() && !process.env.IBN_NET_BINDING_DIR;
    throw problemError(
      missingModule({ libtorch, system: readSystem() }, native.missing, prebuilt, lacksPrebuilds),
    );
  }
  const { shim, binding } = native;
  const paths: LoadPaths = { shim, libraries: librariesOf(libtorch), binding };
  return {
    libtorch,
    native,
    paths,
    shim: requireShim(paths, libtorch),
    firstUse: firstUse(libtorch.source, paths),
  };
}

let found: Found | undefined;
let endSpinning: (() => void) | undefined;
let loaded: LoadedBinding | undefined;

/**
 * Begins to map libtorch on another thread while modules are still evaluated: most of an import's time is libtorch's.
 * What fails is left to `loadBinding`, which meets the same failure and throws it.
 */
function preloadBinding(): void {
  try {
    found = find();
    const { shim, paths } = found;
    if (!found.firstUse.trusted) return;
    endSpinning = limitSpinning();
    shim.preload([...paths.libraries], paths.binding);
  } catch {
    found = undefined;
  }
}

/**
 * Finds libtorch and loads the native module over it, once per JavaScript environment. A libtorch that a person
 * brought is first tried in a process of its own, once.
 *
 * @throws LibtorchError that says what was found, what is needed, and the commands that help.
 */
export function loadBinding(): LoadedBinding {
  if (loaded) return loaded;
  found ??= find();
  const { libtorch, native, paths, shim } = found;
  if (!found.firstUse.trusted) tryFirst(found);
  endSpinning ??= limitSpinning();
  try {
    const binding = shim.load([...paths.libraries], paths.binding);
    binding.setTorchError(TorchError, CudaOutOfMemoryError);
    binding.setWarningHandler((message) => process.emitWarning(message, { code: 'TORCH_WARNING' }));
    loaded = { binding, path: native.binding, libtorch };
    return loaded;
  } catch (cause) {
    throw refusal(libtorch, paths, cause);
  } finally {
    endSpinning();
    endSpinning = undefined;
  }
}

/**
 * The path of a further library of the native module, `libibn_cuda.so` and the like; undefined where there is none.
 */
export function nativeLibrary(name: string): string | undefined {
  return findCompanion(name, loadBinding().path, nativeFolders());
}

function tryFirst({ libtorch, paths, firstUse }: Found): void {
  const trial = tryLoading(paths);
  if (trial.kind === 'loaded') firstUse.remember();
  if (trial.kind !== 'died') return;
  throw problemError(diedProblem({ libtorch, binding: paths.binding, system: readSystem() }, trial));
}

function requireShim(paths: LoadPaths, libtorch: Libtorch): Shim {
  try {
    return createRequire(import.meta.url)(paths.shim) as Shim;
  } catch (cause) {
    // The file is there: webpack and Next.js put a `require` of theirs in place of Node's.
    if ((cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') {
      throw bundledError('a bundle, which cannot require it');
    }
    throw refusal(libtorch, paths, cause);
  }
}

function refusal(libtorch: Libtorch, { binding }: LoadPaths, cause: unknown): LibtorchError {
  const reason = messageOf(cause);
  return problemError(refusedProblem({ libtorch, binding, system: readSystem() }, reason), cause);
}

preloadBinding();
