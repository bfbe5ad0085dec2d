import { cudaGraphOps, cudaGraphsProblem } from '../ops/cuda-graphs.ts';
import type { NativeObject, UntypedOp } from '../ops/index.ts';
import { checkOptions } from '../options.ts';
import { keep } from '../tensor/index.ts';
import { refusePromise } from '../tensor/scope.ts';
import { currentDevice, isAvailable, requireCuda, synchronize, unavailableReason } from './device.ts';
import { emptyCache } from './memory.ts';
import { Stream, withStream } from './stream.ts';

/** Memory that graphs share, by libtorch's two numbers for it; from `pool()` or `graphPoolHandle()`. */
export type GraphPool = readonly [number, number];

/**
 * What may disturb a capture: `global` any thread's call that CUDA holds unsafe, `thread_local` such calls of the
 * capturing thread, `relaxed` none.
 */
export type CaptureErrorMode = 'global' | 'thread_local' | 'relaxed';

/** Options of `captureBegin` and `graph`. */
export interface CaptureOptions {
  /**
   * Memory to share with graphs that never run at the same time and are replayed in the order of their capture.
   * Default: memory of its own.
   */
  pool?: GraphPool | undefined;
  /**
   * Default `thread_local`; torch's is `global`, under which a worker or a loader that allocates at the same time ends
   * the capture.
   */
  captureErrorMode?: CaptureErrorMode | undefined;
}

/** Options of {@link graph}. */
export interface GraphOptions extends CaptureOptions {
  /** Default: one for all captures of this thread, on the current device. */
  stream?: Stream | undefined;
}

const CAPTURE_OPTIONS = ['pool', 'captureErrorMode'];
const MODES: readonly string[] = ['global', 'thread_local', 'relaxed'];

/** An op of the library for graphs. */
const call = (name: string): UntypedOp => cudaGraphOps()[`_cuda_${name}`] as UntypedOp;

/**
 * A recording of work on a GPU that is given again at the cost of one launch, as torch.cuda.CUDAGraph. What is recorded
 * reads and writes the very memory it had: copy new inputs into the tensors that were read, and keep those and the
 * results for as long as the graph. Shapes, scalars and branches are those of the recording.
 *
 * A graph holds its memory until `reset()` or garbage collection.
 *
 * @throws TorchError `ERR_CUDA_UNAVAILABLE` without a device, `ERR_CUDA_GRAPHS_UNAVAILABLE` without the library, with
 * the reason and what to do.
 * @example
 * const x = rand([8, 3, 224, 224], { device: 'cuda' });
 * const recording = new cuda.CUDAGraph();
 * const y = noGrad(() => cuda.graph(recording, () => model.forward(x)));
 * x.copy_(batch);
 * recording.replay(); // y has the batch's results
 */
export class CUDAGraph {
  readonly #graph: NativeObject;

  constructor() {
    requireCuda();
    this.#graph = keep(call('graph')() as NativeObject);
  }

  /** Whether graphs can be captured: a device, and the library for this libtorch. Never throws. */
  static isAvailable(): boolean {
    return CUDAGraph.unavailableReason() === null;
  }

  /** Why graphs cannot be captured and what to do, or null where they can. */
  static unavailableReason(): string | null {
    return isAvailable() ? cudaGraphsProblem() : unavailableReason();
  }

  /**
   * Work given to the current stream from now on is recorded, not done. Prefer `graph`, which also ends what fails.
   *
   * The stream must not be the default one, and what the GPU was given before on it should be done.
   *
   * @throws TorchError on the default stream, within another capture, and for a graph that was captured.
   */
  captureBegin(options: CaptureOptions = {}): void {
    checkOptions('captureBegin', options, CAPTURE_OPTIONS);
    const { pool, captureErrorMode = 'thread_local' } = options;
    if (!MODES.includes(captureErrorMode)) {
      throw new RangeError(
        `Expected one of ${MODES.join(', ')} for captureErrorMode, got ${JSON.stringify(captureErrorMode)}`,
      );
    }
    call('graph_begin')(this.#graph, checkPool(pool), captureErrorMode);
  }

  /**
   * Ends the recording, on the stream where it began.
   *
   * @throws TorchError when something that cannot be recorded was done meanwhile, such as a copy to the host. The graph
   * can then capture again.
   */
  captureEnd(): void {
    call('graph_end')(this.#graph);
  }

  /**
   * Gives what was recorded to the current stream. Random numbers go on: each replay draws new ones.
   *
   * @throws TorchError before a capture.
   */
  replay(): void {
    call('graph_replay')(this.#graph);
  }

  /** Forgets what was recorded and gives its memory back to the allocator; results of the graph go with it. */
  reset(): void {
    call('graph_reset')(this.#graph);
  }

  /**
   * The graph's memory, for others to share.
   *
   * @throws TorchError before a capture.
   */
  pool(): GraphPool {
    return call('graph_pool')(this.#graph) as [number, number];
  }
}

function checkPool(pool: unknown): GraphPool | null {
  if (pool === undefined || pool === null) return null;
  if (Array.isArray(pool) && pool.length === 2 && pool.every(Number.isInteger))
    return pool as unknown as GraphPool;
  throw new TypeError('Expected what pool() or graphPoolHandle() gave for pool, got another value');
}

/**
 * New memory for graphs to share: `pool` of each.
 *
 * @throws TorchError as `CUDAGraph`.
 */
export function graphPoolHandle(): GraphPool {
  requireCuda();
  return call('graph_pool_handle')() as [number, number];
}

/** Whether work given to the current stream is recorded. False without CUDA. */
export function isCurrentStreamCapturing(): boolean {
  return CUDAGraph.isAvailable() && (call('is_capturing')() as boolean);
}

const streams = new Map<number, Stream>();

/** The current device's stream for captures. */
function captureStream(): Stream {
  const device = currentDevice();
  const stream = streams.get(device) ?? new Stream({ device });
  streams.set(device, stream);
  return stream;
}

/**
 * Records what `fn` gives to the GPU in `recording` and returns its result, as `with torch.cuda.graph(graph)`. The GPU
 * finishes first and unused memory is given back. Run `fn` some times before on another stream where it
 * chooses algorithms at its first run, as cuDNN does with `benchmark`.
 *
 * When `fn` throws the capture ends and the graph is empty.
 *
 * @throws TorchError when `fn` does what cannot be recorded, such as `item()`; TypeError when it returns a promise.
 */
export function graph<T>(recording: CUDAGraph, fn: () => T, options: GraphOptions = {}): T {
  checkOptions('graph', options, [...CAPTURE_OPTIONS, 'stream']);
  const { stream = captureStream(), ...capture } = options;
  synchronize();
  emptyCache();
  return withStream(stream, () => {
    recording.captureBegin(capture);
    const result = record(recording, fn);
    recording.captureEnd();
    return result;
  });
}

function record<T>(recording: CUDAGraph, fn: () => T): T {
  try {
    const result = fn();
    refusePromise(result, 'cuda.graph');
    return result;
  } catch (error) {
    abandon(recording);
    throw error;
  }
}

/** The error that ended the capture says more than those of ending it. */
function abandon(recording: CUDAGraph): void {
  try {
    recording.captureEnd();
  } catch {
    return;
  }
  recording.reset();
}
