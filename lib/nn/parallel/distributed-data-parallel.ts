import { native } from '../../distributed/native.ts';
import type { ProcessGroup } from '../../distributed/process-group.ts';
import { OpaqueValue, unwrap, wrapTensor } from '../../ops/index.ts';
import { checkFunction, checkPositions } from '../../options.ts';
import { isGradEnabled, keep, type Tensor } from '../../tensor/index.ts';
import { Module } from '../module/module.ts';
import { type DdpSettings, type DistributedDataParallelOptions, ddpSettings } from './ddp-options.ts';
import { tensorsIn, withTensors } from './output-tensors.ts';
import { type Reduced, reducedParameters } from './reduced-parameters.ts';

export type { DistributedDataParallelOptions } from './ddp-options.ts';

/** Parameters and buffers travel in pieces of this size (torch/nn/parallel/distributed.py, 2.13). */
const BROADCAST_BYTES = 250 * 1024 * 1024;

/**
 * A module whose gradients are the means over all ranks, as torch.nn.parallel.DistributedDataParallel, by libtorch's own
 * Reducer: backward reduces buckets of gradients while it computes the next ones. Every rank makes it and calls `forward` and
 * `backward` as often as the others. Ranks of Python's DDP can be in the group.
 *
 * The constructor, `forward` (where there are buffers) and the end of `backward` wait for the other ranks on this thread, as in
 * Python; `DistributedDataParallel.create` does the constructor's waiting off the event loop. Keys of `stateDict()` begin with
 * `module.`; `ddp.module.stateDict()` has the module's own.
 *
 * @example
 * await distributed.initProcessGroup();
 * const ddp = new nn.parallel.DistributedDataParallel(models.resnet18_ibn_a());
 * const loss = nn.functional.crossEntropy(ddp.forward(images), labels);
 * loss.backward(); // gradients are those of all ranks' batches
 */
export class DistributedDataParallel<M extends Module = Module> extends Module {
  module: M;
  readonly processGroup: ProcessGroup;
  /** Whether backward reduces gradients; `noSync` clears it. */
  requireBackwardGradSync = true;
  readonly #settings: DdpSettings;
  readonly #reducer: OpaqueValue;
  #syncsBuffers = true;
  #sawFirstForward = false;

  constructor(module: M, options: DistributedDataParallelOptions = {}) {
    checkPositions('DistributedDataParallel', arguments, 2);
    const settings = ddpSettings(module, options);
    const reduced = reducedParameters(module);
    if (reduced.length === 0)
      throw new RangeError(
        'Expected a parameter that requires a gradient for DistributedDataParallel, got none: it is not needed then',
      );
    super();
    this.module = module;
    this.processGroup = settings.processGroup;
    this.#settings = settings;
    this.processGroup.checkFree('DistributedDataParallel');
    if (settings.initSync) this.#synchronize(reduced);
    this.#reducer = keep(new OpaqueValue(makeReducer(settings, reduced)));
  }

  /** As the constructor, waiting for the other ranks off the event loop. */
  static async create<M extends Module>(
    module: M,
    options: DistributedDataParallelOptions = {},
  ): Promise<DistributedDataParallel<M>> {
    checkPositions('DistributedDataParallel.create', arguments, 2);
    const settings = ddpSettings(module, options);
    const parameters = reducedParameters(module).map(({ parameter }) => unwrap(parameter));
    if (!settings.initSync || parameters.length === 0) return new DistributedDataParallel(module, options);
    await settings.processGroup.exclusively('DistributedDataParallel.create', () =>
      native.synchronizeAside(
        settings.processGroup.handle,
        parameters,
        statesOf(module, settings).map(unwrap),
        BROADCAST_BYTES,
      ),
    );
    return new DistributedDataParallel(module, { ...options, initSync: false });
  }

  /** Parameters are checked and take rank 0's values, in the order of torch's constructor. */
  #synchronize(reduced: readonly Reduced[]): void {
    const { handle } = this.processGroup;
    native.verifyParameters(
      handle,
      reduced.map(({ parameter }) => unwrap(parameter)),
    );
    this.#broadcast(statesOf(this.module, this.#settings));
  }

  #broadcast(tensors: readonly Tensor[]): void {
    if (tensors.length === 0) return;
    native.broadcastCoalesced(this.processGroup.handle, tensors.map(unwrap), BROADCAST_BYTES, 0);
  }

  /** Calls the module. Gradients of what it gives are reduced in backward. */
  forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    const reduces = isGradEnabled() && this.requireBackwardGradSync;
    this.processGroup.checkFree('DistributedDataParallel.forward');
    this.#prepare(reduces);
    const output: unknown = this.module.forward(...inputs);
    this.#syncsBuffers = reduces;
    return (reduces ? this.#finish(output) : output) as ReturnType<M['forward']>;
  }

  #prepare(reduces: boolean): void {
    const reducer = unwrap(this.#reducer);
    if (reduces) native.reducerPrepareForForward(reducer);
    if (isGradEnabled()) native.reducerRebuildBuckets(reducer);
    if (this.#syncsBuffers && this.#settings.broadcastBuffers) this.#broadcast(this.module.buffers());
  }

  #finish(output: unknown): unknown {
    const { findUnusedParameters, staticGraph } = this.#settings;
    const reducer = unwrap(this.#reducer);
    const searches = findUnusedParameters && !staticGraph;
    native.reducerPrepareForBackward(reducer, searches ? tensorsIn(output).map(unwrap) : []);
    const delays = staticGraph && !this.#sawFirstForward;
    this.#sawFirstForward = true;
    return searches || delays ? this.#sunk(output, delays) : output;
  }

  /** Outputs that no loss uses leave gradients alone, and are no error. */
  #sunk(output: unknown, delays: boolean): unknown {
    const given = tensorsIn(output).filter((tensor) => tensor.requiresGrad);
    const handles = native.reducerSink(unwrap(this.#reducer), given.map(unwrap), delays);
    const made = new Map(given.map((tensor, i) => [tensor, wrapTensor(handles[i]) as Tensor]));
    return withTensors(output, (tensor) => made.get(tensor) ?? tensor);
  }

  /**
   * Runs `fn`, in which forward and backward add up gradients of this rank alone; the first backward behind it reduces them
   * all. torch's `no_sync` is a context manager.
   *
   * @example ddp.noSync(() => criterion.forward(ddp.forward(images), labels).backward());
   */
  noSync<T>(fn: () => T): T {
    checkPositions('DistributedDataParallel.noSync', arguments, 1);
    checkFunction('DistributedDataParallel.noSync', fn);
    const before = this.requireBackwardGradSync;
    const restore = (): void => {
      this.requireBackwardGradSync = before;
    };
    this.requireBackwardGradSync = false;
    let result: T;
    try {
      result = fn();
    } catch (error) {
      restore();
      throw error;
    }
    if (result instanceof Promise) return result.finally(restore) as T;
    restore();
    return result;
  }

  /** How many parameters each bucket has, in the order of their reduction. */
  get buckets(): number[] {
    return native.reducerBuckets(unwrap(this.#reducer));
  }

  override clone(): never {
    throw new TypeError(
      'DistributedDataParallel cannot be cloned, as its gradients are tied to its group: clone ddp.module',
    );
  }
}

/** What takes rank 0's values. */
function statesOf(module: Module, { broadcastBuffers }: DdpSettings): Tensor[] {
  return [...module.parameters(), ...(broadcastBuffers ? module.buffers() : [])];
}

function makeReducer(settings: DdpSettings, reduced: readonly Reduced[]): ReturnType<typeof native.reducer> {
  const flags = [
    settings.findUnusedParameters,
    settings.gradientAsBucketView,
    settings.staticGraph,
    settings.skipAllReduceUnusedParams,
    settings.batchedGradCopy,
  ];
  return native.reducer(
    settings.processGroup.handle,
    reduced.map(({ parameter }) => unwrap(parameter)),
    reduced.map(({ name }) => name),
    reduced.map(({ isSparse }) => Number(isSparse)),
    [settings.bucketBytes, settings.firstBucketBytes],
    flags.map(Number),
  );
}
