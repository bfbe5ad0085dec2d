import { CudaOutOfMemoryError } from '../../errors.ts';
import { type Tensor, zeros } from '../../tensor/index.ts';
import { CompiledModelError, disposedError } from '../compiled-error.ts';
import type { ModelEngine } from '../model-engine.ts';
import type { EngineStats } from '../native.ts';
import { writeCompiled } from '../plan-file/writer.ts';
import { tensorsOf } from '../plan-tensors.ts';
import type { ModelDescription } from '../run-inputs.ts';
import { BoundedCache } from './bounded-cache.ts';
import { explainCuda } from './explain.ts';
import type { CudaSettings } from './options.ts';
import { type HeldInputs, Pipeline } from './pipeline.ts';
import { placePlan } from './place.ts';
import type { CudaPlan } from './plan.ts';
import { Program } from './program.ts';
import { RunQueue, type Started } from './run-queue.ts';
import type { CudaRuntime } from './runtime.ts';
import { ShapeGraph } from './shape-graph.ts';
import { cudaStats } from './stats.ts';

/** One call whose input is on its way, one that is computed, one whose results are on their way. */
const CALLS_ON_DEVICE = 3;

/** What is recorded for one batch size under one set of libtorch's settings. */
const keyOf = (batch: number, settings: string): string => `${batch} ${settings}`;

/** Runs a plan on a CUDA device: a recorded graph for each batch size, and a queue of calls. */
export class CudaEngine implements ModelEngine {
  readonly description: ModelDescription;
  readonly #runtime: CudaRuntime;
  readonly #program: Program;
  readonly #pipeline: Pipeline;
  readonly #queue: RunQueue;
  readonly #graphs: BoundedCache<ShapeGraph>;
  readonly #benchmark: boolean;
  readonly #counts = { batches: 0, images: 0 };
  #disposed = false;

  /**
   * @param plan Its tensors are disposed: the engine has copies on the device.
   * @param batch The only batch size that is taken, or null.
   * @throws CudaOutOfMemoryError where the weights do not fit.
   */
  constructor(plan: CudaPlan, runtime: CudaRuntime, settings: CudaSettings, batch: number | null) {
    const placed = placePlan(plan, runtime.device);
    const { inputs, outputs, dtype } = placed;
    this.description = {
      inputs,
      outputs: outputs.map(({ name }) => name),
      batch,
      explanation: explainCuda(placed),
      cuda: { device: runtime.device, dtype },
    };
    this.#runtime = runtime;
    this.#program = new Program(placed);
    this.#pipeline = new Pipeline(runtime, dtype);
    // Weights are put in order by kernels on the stream that they were copied on.
    this.#pipeline.compute.waitFor(runtime.callersStream().mark());
    this.#queue = new RunQueue(CALLS_ON_DEVICE, settings.maxQueue);
    this.#graphs = new BoundedCache(settings.maxGraphs, (graph) => this.#retire(graph));
    this.#benchmark = settings.cudnnBenchmark;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  checkAlive(): void {
    if (this.#disposed) throw disposedError();
  }

  /** Records the graph for a batch size now. The event loop waits. */
  prepare(batch: number): void {
    this.#graph(batch);
  }

  async run(inputs: Tensor[], signal: AbortSignal | undefined): Promise<Tensor[]> {
    signal?.throwIfAborted();
    const batch = inputs[0]?.shape[0] as number;
    if (batch === 0) return this.#nothing(inputs[0] as Tensor);
    this.#queue.checkRoom();
    const held = this.#pipeline.hold(inputs);
    const start = () => this.#start(held, batch);
    return this.#queue.add({ start, discard: () => this.#pipeline.drop(held) }, signal);
  }

  stats(): EngineStats {
    this.checkAlive();
    return cudaStats(this.#program.plan, this.#graphs.entries(), {
      ...this.#counts,
      queued: this.#queue.waiting,
    });
  }

  share(): string {
    this.checkAlive();
    throw new CompiledModelError(
      'Expected a model on the CPU for share, got one on CUDA; compile or load one in each worker',
      { code: 'ERR_COMPILED_UNSUPPORTED' },
    );
  }

  save(path: string | URL): void {
    this.checkAlive();
    writeCompiled(path, this.#program.plan, this.description.batch);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#queue.dispose(() => {
      this.#graphs.clear();
      for (const tensor of tensorsOf(this.#program.plan)) tensor.dispose();
      this.#pipeline.end();
    });
  }

  #start(held: HeldInputs, batch: number): Started {
    let graph: ShapeGraph;
    try {
      graph = this.#graph(batch);
    } catch (error) {
      this.#pipeline.drop(held);
      throw error;
    }
    const started = this.#pipeline.start(held, graph);
    this.#counts.batches++;
    this.#counts.images += batch;
    return started;
  }

  #graph(batch: number): ShapeGraph {
    const key = keyOf(batch, this.#runtime.settings());
    const known = this.#graphs.get(key);
    if (known !== undefined) return known;
    const made = this.#capture(batch);
    this.#graphs.set(key, made);
    return made;
  }

  /** Where there is no room, the graphs of other batch sizes go. */
  #capture(batch: number): ShapeGraph {
    const settings = {
      runtime: this.#runtime,
      stream: this.#pipeline.compute,
      benchmark: this.#benchmark,
    };
    try {
      return ShapeGraph.capture(this.#program, batch, settings);
    } catch (error) {
      if (!(error instanceof CudaOutOfMemoryError) || this.#graphs.size === 0) throw error;
    }
    settings.stream.wait();
    for (const [, graph] of this.#graphs.take()) graph.dispose();
    return ShapeGraph.capture(this.#program, batch, settings);
  }

  /** Frees a graph once the device has done what it was given, which may be this graph. */
  #retire(graph: ShapeGraph): void {
    const dispose = () => graph.dispose();
    this.#pipeline.compute.done().then(dispose, dispose);
  }

  /** The outputs of no images. */
  #nothing(input: Tensor): Tensor[] {
    const { calls, outputs } = this.#program.plan;
    const shapes = new Map(calls.map(({ output, shape }) => [output, shape]));
    return outputs.map(({ value }) =>
      zeros([0, ...(shapes.get(value) as number[])], { device: input.device }),
    );
  }
}
