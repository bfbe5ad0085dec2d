import { arange, keep, scope, type Tensor } from '../../tensor/index.ts';
import type { CudaPlan } from './plan.ts';
import type { Program } from './program.ts';
import type { CudaRuntime, Recording, WorkStream } from './runtime.ts';
import { type ComposedReason, Tuner } from './tune.ts';

/** How a network is recorded for one shape. */
export interface CaptureSettings {
  runtime: CudaRuntime;
  /** The stream for warming up, recording and replaying: libraries keep workspaces by stream. */
  stream: WorkStream;
  /** Let cuDNN try its algorithms, and take the faster of fused and separate ops. */
  benchmark: boolean;
}

/** A network recorded for one batch size: its work, and the memory that it reads and writes at every replay. */
export class ShapeGraph {
  /** Of the plan's dtype, channels_last. */
  readonly inputs: readonly Tensor[];
  /** Good until the next replay of any graph that shares the memory. */
  readonly outputs: readonly Tensor[];
  /** Calls that are done by their composition here, and why. */
  readonly composed: ReadonlyMap<number, ComposedReason>;
  readonly #recording: Recording;

  private constructor(
    recording: Recording,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    composed: ReadonlyMap<number, ComposedReason>,
  ) {
    this.#recording = recording;
    this.inputs = inputs;
    this.outputs = outputs;
    this.composed = composed;
  }

  /**
   * Runs the program twice, so that algorithms are chosen and workspaces exist, then records it. The event loop waits.
   *
   * @throws CudaOutOfMemoryError, TorchError; nothing is left then.
   */
  static capture(program: Program, batch: number, settings: CaptureSettings): ShapeGraph {
    const { runtime, stream } = settings;
    return scope(() => {
      const inputs = runtime.on(stream, () => exampleInputs(program.plan, batch, runtime.device));
      const tuner = warmUp(program, inputs, settings);
      const { recording, result } = runtime.record(stream, () => program.run(inputs, tuner.run));
      for (const tensor of [...inputs, ...result]) keep(tensor);
      return new ShapeGraph(recording, inputs, result, tuner.composed);
    });
  }

  /** Gives the work to the current stream, which must be the one that it was recorded on. */
  replay(): void {
    this.#recording.replay();
  }

  /** Bytes of inputs and outputs. */
  get bytes(): number {
    return [...this.inputs, ...this.outputs].reduce((sum, x) => sum + x.numel() * x.itemsize, 0);
  }

  /** Frees it; it must not be running. */
  dispose(): void {
    this.#recording.reset();
    for (const tensor of [...this.inputs, ...this.outputs]) tensor.dispose();
  }
}

function warmUp(program: Program, inputs: readonly Tensor[], settings: CaptureSettings): Tuner {
  const { runtime, stream, benchmark } = settings;
  const tuner = new Tuner(runtime, stream, program.plan.dtype, benchmark);
  const run = (runner: Tuner['run']) =>
    runtime.on(stream, () => scope(() => void program.run(inputs, runner)));
  if (benchmark) runtime.withBenchmark(() => run(tuner.trial));
  else run(tuner.trial);
  run(tuner.run);
  // What the device meets late, such as a fault in a kernel, is thrown here and not in the recording.
  stream.wait();
  return tuner;
}

/** Numbers of both signs that take nothing from the random generators. */
function exampleInputs({ inputs, dtype }: CudaPlan, batch: number, device: string): Tensor[] {
  return inputs.map(({ channels, height, width }) =>
    scope(() =>
      arange(batch * channels * height * width, { device, dtype: 'float32' })
        .mul_(0.7)
        .sin_()
        .mul_(1.5)
        .reshape([batch, channels, height, width])
        .to({ dtype, memoryFormat: 'channels_last' }),
    ),
  );
}
