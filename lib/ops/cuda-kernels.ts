import { loadBinding, nativeLibrary } from '../binding.ts';
import { messageOf } from '../errors.ts';

const LIBRARY = 'libibn_cuda.so';
/** One of the ops that the library brings kernels for. */
const OP = 'ibn::_instance_batch_norm_out';

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
  const path = libtorch.flavour === 'cpu' ? undefined : nativeLibrary(LIBRARY);
  if (path === undefined) return false;
  try {
    binding.loadLibrary(path);
    if (binding.hasKernel(OP, '', 'CUDA')) return true;
    warn(`${path} has none of this version's`);
  } catch (cause) {
    warn(messageOf(cause));
  }
  return false;
}

function warn(reason: string): void {
  process.emitWarning(
    `Could not load the CUDA kernels: ${reason}. Norms run as several ops of libtorch on the same device; ` +
      'build the kernels for this machine: npx ibn-net build --cuda',
    { code: 'IBN_CUDA_KERNELS' },
  );
}
