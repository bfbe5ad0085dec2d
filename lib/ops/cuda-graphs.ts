import { loadBinding, nativeLibrary } from '../binding.ts';
import { messageOf, TorchError } from '../errors.ts';
import { ops, type UntypedOp } from './ops.ts';

let loaded: Record<string, UntypedOp> | undefined;

/** `libibn_cudagraph-2.14.so`: graphs are no part of libtorch's stable ABI, so each minor has its library. */
function libraryName(version: string): string {
  return `libibn_cudagraph-${version.split('.').slice(0, 2).join('.')}.so`;
}

/** Why CUDA graphs cannot be had with this libtorch, whatever the device, and what to do; or null. */
export function cudaGraphsProblem(): string | null {
  const { libtorch } = loadBinding();
  if (libtorch.flavour === 'cpu') {
    return 'this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda';
  }
  const name = libraryName(libtorch.version);
  if (nativeLibrary(name) !== undefined) return null;
  return `no ${name} is beside the native module; compile it for this libtorch: npx ibn-net build --cuda`;
}

/**
 * The ops of the library for CUDA graphs, which the first call loads.
 *
 * @throws TorchError `ERR_CUDA_GRAPHS_UNAVAILABLE` with the reason and what to do.
 */
export function cudaGraphOps(): Record<string, UntypedOp> {
  loaded ??= load();
  return loaded;
}

function load(): Record<string, UntypedOp> {
  const problem = cudaGraphsProblem();
  if (problem !== null) throw unavailable(problem);
  const { libtorch } = loadBinding();
  try {
    ops.loadLibrary(nativeLibrary(libraryName(libtorch.version)) as string);
  } catch (cause) {
    const reason = messageOf(cause);
    throw unavailable(`${reason}; compile it for this libtorch: npx ibn-net build --cuda`, cause);
  }
  return ops.ibn as Record<string, UntypedOp>;
}

function unavailable(problem: string, cause?: unknown): TorchError {
  return new TorchError(`CUDA graphs are not available: ${problem}`, {
    code: 'ERR_CUDA_GRAPHS_UNAVAILABLE',
    cause,
  });
}
