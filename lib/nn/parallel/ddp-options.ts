import type { ProcessGroup } from '../../distributed/process-group.ts';
import { groupOr } from '../../distributed/world.ts';
import { checkFlag, checkOptions, describeValue } from '../../options.ts';
import { Module } from '../module/module.ts';

/** Options of `DistributedDataParallel`. */
export interface DistributedDataParallelOptions {
  /** Default the group of all processes. */
  processGroup?: ProcessGroup;
  /** Buffers are those of rank 0, at the beginning and before each forward. Default true. */
  broadcastBuffers?: boolean;
  /** Check that parameters have the same shapes everywhere, and begin with those of rank 0. Default true. */
  initSync?: boolean;
  /** The size of the buckets in which gradients travel, in MiB. Default 25, the first bucket being of one. */
  bucketCapMb?: number;
  /** Search each forward's graph for parameters that get no gradient. Default false: each must get one. */
  findUnusedParameters?: boolean;
  /** Gradients are views of buckets: less memory, and no `detach_()` of them. Default false. */
  gradientAsBucketView?: boolean;
  /** The graph is the same in each step: unused parameters are found in the first. Default false. */
  staticGraph?: boolean;
  /** Do not reduce what no rank uses; it must be the same on all ranks. Default false. */
  skipAllReduceUnusedParams?: boolean;
  /** Copy gradients into a bucket together. Default false. Needs libtorch 2.13. */
  batchedGradCopy?: boolean;
}

const FLAGS = [
  'broadcastBuffers',
  'initSync',
  'findUnusedParameters',
  'gradientAsBucketView',
  'staticGraph',
  'skipAllReduceUnusedParams',
  'batchedGradCopy',
] as const;

/** All of them, with torch's defaults. */
export interface DdpSettings extends Record<(typeof FLAGS)[number], boolean> {
  readonly processGroup: ProcessGroup;
  readonly bucketBytes: number;
  readonly firstBucketBytes: number;
}

const MIB = 1024 * 1024;
const DEFAULT_CAP_MB = 25;

/** @throws TypeError, RangeError for bad options; TorchError without a process group */
export function ddpSettings(module: unknown, options: DistributedDataParallelOptions): DdpSettings {
  checkOptions('DistributedDataParallel', options, ['processGroup', 'bucketCapMb', ...FLAGS]);
  if (!(module instanceof Module))
    throw new TypeError(`Expected a Module for DistributedDataParallel, got ${describeValue(module)}`);
  for (const name of FLAGS)
    if (options[name] !== undefined) checkFlag(`DistributedDataParallel ${name}`, options[name]);
  const { bucketCapMb: cap = DEFAULT_CAP_MB } = options;
  if (!(typeof cap === 'number' && cap > 0 && cap <= 2 ** 20))
    throw new RangeError(
      `Expected MiB above 0 for DistributedDataParallel bucketCapMb, got ${describeValue(cap)}`,
    );
  const bucketBytes = Math.trunc(cap * MIB);
  return {
    processGroup: groupOr('DistributedDataParallel', options.processGroup),
    bucketBytes,
    firstBucketBytes: options.bucketCapMb === undefined ? MIB : bucketBytes,
    broadcastBuffers: options.broadcastBuffers ?? true,
    initSync: options.initSync ?? true,
    findUnusedParameters: options.findUnusedParameters ?? false,
    gradientAsBucketView: options.gradientAsBucketView ?? false,
    staticGraph: options.staticGraph ?? false,
    skipAllReduceUnusedParams: options.skipAllReduceUnusedParams ?? false,
    batchedGradCopy: options.batchedGradCopy ?? false,
  };
}
