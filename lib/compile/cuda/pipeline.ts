import { keep, scope, type Tensor } from '../../tensor/index.ts';
import type { CudaDType } from './plan.ts';
import type { Started } from './run-queue.ts';
import type { CudaRuntime, Mark, WorkStream, WorkStreams } from './runtime.ts';
import type { ShapeGraph } from './shape-graph.ts';

/** An input of a call as it was when `run` was called. */
interface HeldInput {
  tensor: Tensor;
  /** Of a CUDA tensor: where the caller's stream has copied it. Null: in page-locked memory. */
  mark: Mark | null;
}

/** The inputs of a call. */
export interface HeldInputs {
  items: readonly HeldInput[];
  /** The caller's stream, for results that stay on the device; null: they go to the CPU. */
  caller: WorkStream | null;
}

/** What is done with a graph. */
type Graph = Pick<ShapeGraph, 'inputs' | 'outputs' | 'replay'>;

/**
 * Inputs to the device, the graph, results back: each on a stream of its own, so that one call's copies run while
 * another's graph does.
 */
export class Pipeline {
  readonly #runtime: CudaRuntime;
  readonly #dtype: CudaDType;
  readonly #streams: WorkStreams;

  constructor(runtime: CudaRuntime, dtype: CudaDType) {
    this.#runtime = runtime;
    this.#dtype = dtype;
    this.#streams = runtime.takeStreams();
  }

  /** Where graphs are recorded and replayed. */
  get compute(): WorkStream {
    return this.#streams.compute;
  }

  /** Gives the streams back. Nothing may be under way. */
  end(): void {
    this.#runtime.giveBack(this.#streams);
  }

  /** Copies inputs, so that the caller may change them. Those in page-locked memory are read later. */
  hold(inputs: readonly Tensor[]): HeldInputs {
    const items = scope(() => inputs.map((x) => this.#held(x)));
    for (const { tensor } of items) keep(tensor);
    const toHost = this.#runtime.isOnHost(inputs[0] as Tensor);
    return { items, caller: toHost ? null : this.#runtime.callersStream() };
  }

  #held(x: Tensor): HeldInput {
    if (this.#runtime.isOnHost(x)) return { tensor: this.#runtime.pin(x), mark: null };
    const caller = this.#runtime.callersStream();
    const tensor = this.#runtime.on(caller, () =>
      x.to({ dtype: this.#dtype, memoryFormat: 'channels_last', copy: true }),
    );
    return { tensor, mark: caller.mark() };
  }

  /** Frees inputs that were not run. */
  drop({ items }: HeldInputs): void {
    for (const { tensor } of items) tensor.dispose();
  }

  /** Gives a call to the device and returns at once. Frees its inputs, also when it throws. */
  start(held: HeldInputs, graph: Graph): Started {
    try {
      return scope(() => {
        for (const [i, input] of held.items.entries()) this.#load(input, graph.inputs[i] as Tensor);
        const results = this.#runtime.on(this.compute, () => {
          graph.replay();
          // The next call, or another graph, writes to the same memory.
          return graph.outputs.map((output) => output.clone());
        });
        return held.caller === null ? this.#toHost(results) : this.#toCaller(results, held.caller);
      });
    } finally {
      this.drop(held);
    }
  }

  #load({ tensor, mark }: HeldInput, target: Tensor): void {
    const { compute, uploads } = this.#streams;
    let ready = mark;
    let source = tensor;
    if (ready === null) {
      source = this.#runtime.on(uploads, () =>
        tensor.to({ device: this.#runtime.device, nonBlocking: true, copy: true }),
      );
      ready = uploads.mark();
    }
    compute.waitFor(ready);
    this.#runtime.on(compute, () => target.copy_(source, true));
    this.#runtime.usedOn(source, compute);
  }

  #toHost(results: readonly Tensor[]): Started {
    const { compute, downloads } = this.#streams;
    downloads.waitFor(compute.mark());
    // Each copy holds its source until it is done.
    const copies = this.#runtime.on(downloads, () => ({
      outputs: Promise.all(results.map((result) => this.#runtime.download(result))),
    }));
    return { outputs: copies.outputs, done: copies.outputs.then(ignore, ignore) };
  }

  #toCaller(results: Tensor[], caller: WorkStream): Started {
    caller.waitFor(this.compute.mark());
    for (const result of results) {
      this.#runtime.usedOn(result, caller);
      keep(result);
    }
    return { outputs: Promise.resolve(results), done: this.compute.done().then(ignore, ignore) };
  }
}

const ignore = (): void => {};
