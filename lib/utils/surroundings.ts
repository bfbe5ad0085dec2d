import { autocast, getAutocastDtype, isAutocastEnabled } from '../amp/index.ts';
import { getRngState as cudaRngState, setRngState as setCudaRngState } from '../cuda/index.ts';
import { getRngState, keep, setRngState, type Tensor } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';

/** What a function's result depends on besides its arguments. */
export interface Surroundings {
  /** Runs `fn` as in them, and puts back what is now. */
  restore(fn: () => void): void;
}

/** Random numbers of the CPU and some CUDA devices. */
interface Randomness {
  cpu: Tensor;
  cuda: Map<number, Tensor>;
}

function cudaDevices(tensors: readonly Tensor[]): number[] {
  const names = new Set(tensors.map(({ device }) => device).filter((device) => device.startsWith('cuda')));
  return [...names].map((name) => Number(name.split(':')[1] ?? 0));
}

function readRandomness(devices: readonly number[]): Randomness {
  const cuda = devices.map((device) => [device, keep(cudaRngState(device))] as const);
  return { cpu: keep(getRngState()), cuda: new Map(cuda) };
}

function setRandomness({ cpu, cuda }: Randomness): void {
  setRngState(cpu);
  for (const [device, state] of cuda) setCudaRngState(state, device);
}

function disposeRandomness({ cpu, cuda }: Randomness): void {
  cpu.dispose();
  for (const state of cuda.values()) state.dispose();
}

/** The surroundings of now; with the random numbers of the CPU and of the tensors' devices if asked for. */
export function surroundingsOf(tensors: readonly Tensor[], withRandomness: boolean): Surroundings {
  const devices = cudaDevices(tensors);
  const randomness = withRandomness ? readRandomness(devices) : undefined;
  const types = devices.length > 0 ? ['cpu', 'cuda'] : ['cpu'];
  const casts = types.map((type) => ({
    type,
    enabled: isAutocastEnabled(type),
    dtype: getAutocastDtype(type) as 'float16' | 'bfloat16',
    cacheEnabled: native.isAutocastCacheEnabled(),
  }));
  const inCasts = casts.reduce<(fn: () => void) => void>(
    (outer, { type, ...options }) =>
      (fn) =>
        outer(() => autocast(type, options, fn)),
    (fn) => fn(),
  );
  return {
    restore: (fn) => (randomness ? withRandom(randomness, devices, () => inCasts(fn)) : inCasts(fn)),
  };
}

function withRandom(randomness: Randomness, devices: readonly number[], fn: () => void): void {
  const now = readRandomness(devices);
  setRandomness(randomness);
  try {
    fn();
  } finally {
    setRandomness(now);
    disposeRandomness(now);
  }
}
