import { loadBinding, nativeLibrary } from '../binding.ts';

const LIBRARY = 'libibn_cuda.so';

let loaded: boolean | undefined;

/**
 * Whether the package's own CUDA kernels are there: with a CUDA build of libtorch the first call loads their library,
 * which registers them with torch's dispatcher. `IBN_NET_CUDA_KERNELS=0` leaves them out.
 */
export function hasCudaKernels(): boolean {
  loaded ??= load();
  return loaded;
}

function load(): boolean {
  if (process.env.IBN_NET_CUDA_KERNELS === '0') return false;
  const { binding, libtorch } = loadBinding();
  if (libtorch.flavour === 'cpu') return false;
  const path = nativeLibrary(LIBRARY);
  if (path === undefined) return false;
  try {
    binding.loadLibrary(path);
    return true;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.emitWarning(
      `Could not load the CUDA kernels: ${reason}. Norms run as several ops of libtorch on the same device; ` +
        'build the kernels for this machine: node scripts/build-cuda.mjs',
      { code: 'IBN_CUDA_KERNELS' },
    );
    return false;
  }
}
