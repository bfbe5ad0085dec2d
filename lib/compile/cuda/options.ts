import { checkInteger, type RunOptions } from '../run-options.ts';

/** Options of `compile` and `loadCompiled` that only models on CUDA have. */
export interface CudaOptions {
  /**
   * Batch sizes whose recorded graphs are kept on the device; the one not used for the longest goes. Default 8. Graphs
   * share the memory for maps, so each costs little but its inputs and outputs.
   */
  maxGraphs?: number;
  /**
   * Let cuDNN try its algorithms for each new batch size, and take the faster of fused and separate ops: some seconds
   * more, once each. Default true.
   */
  cudnnBenchmark?: boolean;
}

/** The same with defaults. */
export interface CudaSettings extends Required<CudaOptions> {
  maxQueue: number;
}

export const CUDA_OPTIONS: readonly (keyof CudaOptions)[] = ['maxGraphs', 'cudnnBenchmark'];
const CPU_OPTIONS: readonly (keyof RunOptions)[] = ['threads', 'microBatch', 'maxBatch', 'maxDelayMs'];

const ADVICE: Record<string, string> = {
  threads: 'the GPU has no threads to set',
  microBatch: 'a batch is computed as a whole',
  maxBatch: 'join images into one tensor before run',
  maxDelayMs: 'calls are not joined',
};

/** @throws RangeError for options of the other kind of device. */
export function checkDeviceOptions(owner: string, options: object, device: string): void {
  const other: readonly string[] = device === 'cpu' ? CUDA_OPTIONS : CPU_OPTIONS;
  const given = other.find((name) => (options as Record<string, unknown>)[name] !== undefined);
  if (given === undefined) return;
  const reason = ADVICE[given] ?? 'there are graphs and cuDNN on CUDA only';
  throw new RangeError(`Expected options for device "${device}" in ${owner}, got "${given}"; ${reason}`);
}

/** The settings of an engine, with defaults; `owner` names the function in messages. */
export function cudaSettings(owner: string, options: CudaOptions & RunOptions): CudaSettings {
  const { maxGraphs = 8, cudnnBenchmark = true, maxQueue = 1024 } = options;
  if (typeof cudnnBenchmark !== 'boolean') {
    throw new TypeError(`Expected a boolean for ${owner} cudnnBenchmark, got ${typeof cudnnBenchmark}`);
  }
  return {
    maxGraphs: checkInteger(owner, 'maxGraphs', maxGraphs, 4096),
    cudnnBenchmark,
    maxQueue: checkInteger(owner, 'maxQueue', maxQueue, 1 << 20),
  };
}
