import { getNumThreads } from '../tensor/index.ts';
import type { EngineSettings } from './native.ts';

/** How a compiled model is run. */
export interface RunOptions {
  /** Threads of the model's own. Default: what `getNumThreads()` says, the machine's cores. */
  threads?: number;
  /**
   * Most images that a thread takes through the network at a time. More make better use of each weight that is read
   * from memory, fewer keep maps in the processor's caches. Default 2.
   */
  microBatch?: number;
  /** Images of waiting `run` calls that are computed together, at most. Default 1: each call by itself. */
  maxBatch?: number;
  /** How long a call waits for others to join it, in milliseconds. Default 0: it joins only what waits already. */
  maxDelayMs?: number;
  /** Calls that may wait; one more is refused with `ERR_COMPILED_QUEUE_FULL`. Default 1024. */
  maxQueue?: number;
}

export const RUN_OPTIONS: readonly (keyof RunOptions)[] = [
  'threads',
  'microBatch',
  'maxBatch',
  'maxDelayMs',
  'maxQueue',
];

/** @throws TypeError, RangeError unless it is an integer from 1 to `most`. */
export function checkInteger(owner: string, name: string, value: number, most: number): number {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected a number for ${owner} ${name}, got ${typeof value}`);
  }
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`Expected an integer from 1 to ${most} for ${owner} ${name}, got ${value}`);
}

function checkDelay(owner: string, value: number): number {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected a number for ${owner} maxDelayMs, got ${typeof value}`);
  }
  if (value >= 0 && value <= 60_000) return value;
  throw new RangeError(`Expected 0 to 60000 for ${owner} maxDelayMs, got ${value}`);
}

/** The settings of an engine, with defaults; `owner` names the function in messages. */
export function engineSettings(
  owner: string,
  options: RunOptions,
  instructionSet: string | null,
): EngineSettings {
  const {
    threads = getNumThreads(),
    microBatch = 2,
    maxBatch = 1,
    maxDelayMs = 0,
    maxQueue = 1024,
  } = options;
  return {
    threads: checkInteger(owner, 'threads', threads, 1024),
    microBatch: checkInteger(owner, 'microBatch', microBatch, 4096),
    maxBatch: checkInteger(owner, 'maxBatch', maxBatch, 4096),
    maxDelayMs: checkDelay(owner, maxDelayMs),
    maxQueue: checkInteger(owner, 'maxQueue', maxQueue, 1 << 20),
    instructionSet,
  };
}
