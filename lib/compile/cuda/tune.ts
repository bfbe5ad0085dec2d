import { CudaOutOfMemoryError, TorchError } from '../../errors.ts';
import { isTensor, ops, scope, type Tensor } from '../../tensor/index.ts';
import { COMPOSITIONS, isCudnn, runComposed } from './compositions.ts';
import type { CudaCall, CudaDType } from './plan.ts';
import { type CallRunner, runCall } from './program.ts';
import type { CudaRuntime, WorkStream } from './runtime.ts';

/** Why a call is done by its composition. */
export type ComposedReason = 'no kernel' | 'setting' | 'no engine' | 'other result' | 'slower';

/** How far a fused result may be from its composition's, relative to the largest element. */
const TOLERANCE: Record<CudaDType, number> = { float32: 1e-2, float16: 2e-2, bfloat16: 5e-2 };
/** Launches of small kernels cost the CPU more than the GPU here, and nothing in a graph. */
const CLEARLY_FASTER = 0.9;

const { aten } = ops;

/**
 * The calls that are done by their composition, found out by doing each call both ways once: cuDNN has no fused
 * engine for every convolution on every GPU, and not each one it has is faster.
 */
export class Tuner {
  /** By the call's index. */
  readonly composed = new Map<number, ComposedReason>();
  readonly #runtime: CudaRuntime;
  readonly #stream: WorkStream;
  readonly #dtype: CudaDType;
  readonly #timed: boolean;
  readonly #fused: CallRunner;
  readonly #known = new Map<string, ComposedReason | null>();

  /**
   * @param timed Take the faster way; else the fused one wherever it is right.
   * @param fused Does a call with the op that it names.
   */
  constructor(
    runtime: CudaRuntime,
    stream: WorkStream,
    dtype: CudaDType,
    timed: boolean,
    fused: CallRunner = runCall,
  ) {
    this.#runtime = runtime;
    this.#stream = stream;
    this.#dtype = dtype;
    this.#timed = timed;
    this.#fused = fused;
  }

  /** Does a call and decides on it. */
  readonly trial: CallRunner = (call, args, index) => {
    const reason = COMPOSITIONS.has(call.op) ? this.#decide(call, args) : null;
    if (reason !== null) this.composed.set(index, reason);
    return this.run(call, args, index);
  };

  /** Does a call as was decided. */
  readonly run: CallRunner = (call, args, index) =>
    this.composed.has(index) ? runComposed(call, args, index) : this.#fused(call, args, index);

  #decide(call: CudaCall, args: unknown[]): ComposedReason | null {
    if (!isCudnn(call)) return this.#runtime.hasFusedNorm() ? null : 'no kernel';
    if (!this.#runtime.allowsFusedConvolutions()) return 'setting';
    const key = keyOf(call, args);
    let reason = this.#known.get(key);
    if (reason === undefined) {
      reason = this.#compare(call, args);
      this.#known.set(key, reason);
    }
    return reason;
  }

  /** Two results more than a run needs may be too much; then the fused op has the chance to fit. */
  #compare(call: CudaCall, args: unknown[]): ComposedReason | null {
    try {
      return this.#both(call, args);
    } catch (error) {
      if (error instanceof CudaOutOfMemoryError) return null;
      throw error;
    }
  }

  #both(call: CudaCall, args: unknown[]): ComposedReason | null {
    return scope(() => {
      const wanted = runComposed(call, args, 0);
      poison(wanted);
      const got = this.#attempt(call, args);
      if (got === undefined) return 'no engine';
      if (!agree(got, wanted, TOLERANCE[this.#dtype])) return 'other result';
      return this.#timed && this.#isSlower(call, args) ? 'slower' : null;
    });
  }

  /** Undefined where cuDNN has no engine for it. */
  #attempt(call: CudaCall, args: unknown[]): Tensor | undefined {
    try {
      return this.#fused(call, args, 0);
    } catch (error) {
      if (!(error instanceof TorchError) || error instanceof CudaOutOfMemoryError) throw error;
      return undefined;
    }
  }

  #isSlower(call: CudaCall, args: unknown[]): boolean {
    const [fused, composed] = [this.#fused, runComposed].map((run) =>
      this.#runtime.measure(this.#stream, () => run(call, args, 0).dispose()),
    ) as [number, number];
    return composed < CLEARLY_FASTER * fused;
  }
}

/** Leaves NaN in the memory that the next result gets, so that it shows if what is there is read. */
function poison(like: Tensor): void {
  const garbage = aten.empty_like(like);
  garbage.fill_(Number.NaN);
  garbage.dispose();
}

/** Random weights may overflow float16: what is infinite says nothing. */
function agree(got: Tensor, wanted: Tensor, tolerance: number): boolean {
  return scope(() => {
    const zero = aten.zeros_like(wanted);
    const finite = wanted.isfinite();
    const largest = aten.where(finite, wanted, zero).abs().max().item() as number;
    const error = aten.where(finite, got.sub(wanted), zero).abs().max().item() as number;
    return error <= tolerance * largest;
  });
}

function keyOf(call: CudaCall, args: readonly unknown[]): string {
  const parts = args.map((arg) => (isTensor(arg) ? arg.shape.join('x') : JSON.stringify(arg)));
  return [call.op, ...parts].join(' ');
}
