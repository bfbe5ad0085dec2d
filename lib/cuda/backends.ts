import { checkFlag } from '../options.ts';
import { native } from './native.ts';

/** How exactly float32 matrices are multiplied: in float32, TF32, or bfloat16. */
export type Float32MatmulPrecision = 'highest' | 'high' | 'medium';

const PRECISIONS: readonly string[] = ['highest', 'high', 'medium'];

/**
 * Sets how exactly float32 matrices are multiplied, as torch.set_float32_matmul_precision: `'highest'` (the default)
 * in float32, `'high'` in TF32 or as sums of bfloat16, `'medium'` in bfloat16 where the device can.
 */
export function setFloat32MatmulPrecision(precision: Float32MatmulPrecision): void {
  if (!PRECISIONS.includes(precision)) {
    const known = PRECISIONS.map((name) => `"${name}"`).join(', ');
    throw new RangeError(`Expected one of ${known} for setFloat32MatmulPrecision, got "${precision}"`);
  }
  native.setFloat32MatmulPrecision(precision);
}

export function getFloat32MatmulPrecision(): Float32MatmulPrecision {
  return native.float32MatmulPrecision() as Float32MatmulPrecision;
}

type Flag =
  | 'cudnn.enabled'
  | 'cudnn.benchmark'
  | 'cudnn.deterministic'
  | 'cudnn.allowTF32'
  | 'cuda.matmul.allowTF32';

function setFlag(name: Flag, value: boolean): void {
  if (typeof value !== 'boolean') {
    throw new TypeError(`Expected a boolean for backends.${name}, got ${typeof value}`);
  }
  native.setBackendFlag(name, value);
}

function setBenchmarkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 0) {
    throw new RangeError(`Expected an integer of at least 0 for backends.cudnn.benchmarkLimit, got ${limit}`);
  }
  native.setCudnnBenchmarkLimit(limit);
}

/**
 * Settings of libtorch's backends, as torch.backends; they hold for the whole process.
 *
 * @example
 * backends.cudnn.benchmark = true;
 * backends.cuda.matmul.allowTF32 = true;
 */
export const backends = {
  cudnn: {
    /** Whether cuDNN may be used. Default true. */
    get enabled(): boolean {
      return native.backendFlag('cudnn.enabled');
    },
    set enabled(value: boolean) {
      setFlag('cudnn.enabled', value);
    },
    /** Try cuDNN's algorithms on each new shape and keep the fastest. Default false. */
    get benchmark(): boolean {
      return native.backendFlag('cudnn.benchmark');
    },
    set benchmark(value: boolean) {
      setFlag('cudnn.benchmark', value);
    },
    /** How many algorithms `benchmark` tries; 0 for all. Default 10. */
    get benchmarkLimit(): number {
      return native.cudnnBenchmarkLimit();
    },
    set benchmarkLimit(limit: number) {
      setBenchmarkLimit(limit);
    },
    /** Only algorithms that give the same result each time. Default false. */
    get deterministic(): boolean {
      return native.backendFlag('cudnn.deterministic');
    },
    set deterministic(value: boolean) {
      setFlag('cudnn.deterministic', value);
    },
    /** Whether float32 convolutions may be done in TF32. Default true. */
    get allowTF32(): boolean {
      return native.backendFlag('cudnn.allowTF32');
    },
    set allowTF32(value: boolean) {
      setFlag('cudnn.allowTF32', value);
    },
    /** Whether this libtorch has cuDNN. */
    isAvailable(): boolean {
      return native.cudnnVersion() !== null;
    },
    /** 91002 for 9.10.2; null without cuDNN. */
    version(): number | null {
      return native.cudnnVersion();
    },
  },
  cuda: {
    matmul: {
      /** Whether float32 matrices may be multiplied in TF32. Default false. */
      get allowTF32(): boolean {
        return native.backendFlag('cuda.matmul.allowTF32');
      },
      set allowTF32(value: boolean) {
        setFlag('cuda.matmul.allowTF32', value);
      },
    },
  },
};

/** Makes ops throw that have only implementations whose results may differ from run to run. Default false. */
export function useDeterministicAlgorithms(enabled: boolean): void {
  checkFlag('useDeterministicAlgorithms', enabled);
  native.setBackendFlag('deterministicAlgorithms', enabled);
}

export function areDeterministicAlgorithmsEnabled(): boolean {
  return native.backendFlag('deterministicAlgorithms');
}
