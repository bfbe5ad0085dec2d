import { checkOptions } from '../options.ts';
import type { Tensor } from '../tensor/index.ts';
import { CallsUnderWay } from './calls-under-way.ts';
import { CompiledModelError, closedError } from './compiled-error.ts';
import { CpuEngine, type PlanOptions } from './cpu/engine.ts';
import type { Plan } from './cpu/plan.ts';
import type { ModelEngine } from './model-engine.ts';
import type { EngineStats } from './native.ts';
import { type ProfileOptions, profileEngine } from './profile/measure.ts';
import type { Profile } from './profile/profile.ts';
import { checkInputs, nameOutputs } from './run-inputs.ts';

export type { PlanOptions } from './cpu/engine.ts';
export type { EngineStats as CompiledStats } from './native.ts';

/** Stands for a compiled model in messages to workers; see `CompiledModel.share`. */
export interface SharedModel {
  readonly compiledModel: string;
}

/** Starts the engine of a network again, with its weights as they are then. */
type StartAgain = () => Promise<ModelEngine>;

/**
 * A network that was compiled for inference; made by `compile` and `loadCompiled`.
 *
 * It runs on threads of its own, or on a GPU: the event loop stays free, and any number of `run` calls may be under
 * way. They are computed in order. `close()` lets them finish and frees what it has, `dispose()` does so at once; a model
 * that is forgotten is collected as any object.
 *
 * `Output` is what `run` gives: what the network's forward gives.
 *
 * @example
 * const fast = await compile(model, { inputs: [[1, 3, 224, 224]] });
 * const logits = await fast.run(images);
 */
export class CompiledModel<Output = Tensor> {
  #engine: ModelEngine;
  #again: StartAgain | undefined;
  readonly #calls = new CallsUnderWay();
  #refolding: Promise<void> = Promise.resolve();
  /** Engines of before a refold that still have calls. */
  readonly #leaving = new Set<ModelEngine>();
  #closing: Promise<void> | undefined;

  private constructor(engine: ModelEngine, again?: StartAgain) {
    this.#engine = engine;
    this.#again = again;
  }

  /**
   * Starts threads for a plan and waits until they are ready. The plan's tensors belong to the model from then on.
   *
   * @internal
   */
  static async fromPlan<Output = Tensor>(
    plan: Plan,
    options: PlanOptions = {},
  ): Promise<CompiledModel<Output>> {
    return new CompiledModel<Output>(await CpuEngine.start(plan, options));
  }

  /** @internal */
  static fromEngine<Output = Tensor>(engine: ModelEngine, again?: StartAgain): CompiledModel<Output> {
    return new CompiledModel<Output>(engine, again);
  }

  /**
   * The model that another thread shares, in this one. Both work on the same engine.
   *
   * @throws CompiledModelError `ERR_COMPILED_DISPOSED` when no thread has it any more.
   */
  static fromShared<Output = Tensor>(shared: SharedModel): CompiledModel<Output> {
    const token = (shared as Partial<SharedModel> | null | undefined)?.compiledModel;
    if (typeof token !== 'string') {
      throw new TypeError('Expected what CompiledModel.share() gave for fromShared, got something else');
    }
    return new CompiledModel<Output>(CpuEngine.attach(token));
  }

  /**
   * Computes the network's outputs for a batch, (N, C, H, W) float32 on the CPU. The input is copied before `run`
   * returns: it may be changed or disposed at once.
   *
   * A model on CUDA also takes tensors on its device, and in its dtype. The outputs are float32 and where the first
   * input is: those on the device are ready for ops of the stream that was current at the call. An input in
   * page-locked memory is not copied: leave it as it is until the promise settles.
   *
   * Rejects with the signal's reason, an AbortError, as soon as `signal` aborts: a call that waits leaves the queue,
   * one that is computed ends early (on CUDA its results are dropped).
   *
   * @param x The input, or an array of them for a network of several.
   * @throws TypeError, RangeError for another kind, shape, dtype or device.
   * @throws CompiledModelError `ERR_COMPILED_QUEUE_FULL`, `ERR_COMPILED_CLOSED`, `ERR_COMPILED_DISPOSED`.
   * @example
   * const logits = await fast.run(x, { signal: AbortSignal.timeout(200) });
   */
  async run(
    x: Tensor | readonly Tensor[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Output> {
    checkOptions('run', options, ['signal']);
    const { signal } = options;
    this.#checkOpen();
    const { description } = this.#engine;
    const outputs = await this.#calls.add(this.#engine.run(checkInputs(x, description), signal));
    return nameOutputs(outputs, description.outputs) as Output;
  }

  /** The steps as a table: what each computes, what is fused into it, where its values lie. */
  explain(): string {
    return this.#engine.description.explanation;
  }

  /**
   * Memory, the queue, and each step's algorithm and total time so far.
   *
   * @throws CompiledModelError `ERR_COMPILED_DISPOSED`.
   */
  stats(): EngineStats {
    return this.#engine.stats();
  }

  /**
   * Measures where the time of a batch goes: each step's time, arithmetic and memory, as data and as a table. Runs that others
   * ask for meanwhile would be measured too, and are refused with an error afterwards. Nothing is measured outside of it that
   * `stats()` does not measure anyway.
   *
   * @param x What `run` takes. Fewer images than the model has threads, or a multiple of them, as those are divided in one way.
   * @throws TypeError, RangeError as `run`, and for another number of images.
   * @throws CompiledModelError `ERR_COMPILED_UNSUPPORTED` for a model on CUDA, or where other runs were under way.
   * @example
   * console.log(String(await fast.profile(x)));
   */
  async profile(x: Tensor | readonly Tensor[], options: ProfileOptions = {}): Promise<Profile> {
    this.#checkOpen();
    const engine = this.#engine;
    const inputs = checkInputs(x, engine.description);
    return await this.#calls.add(profileEngine(engine, inputs, options));
  }

  /**
   * Takes in the weights and the running statistics that the network has now: norms are folded and weights packed again,
   * while calls go on with those of before. The forward runs only where it makes tensors of its own of the parameters, or other
   * tensors are in their places. Calls made after the promise resolves have the new numbers, and none has a mixture: a call is
   * one or the other. Where it rejects nothing is changed.
   *
   * What the network computes must be the same, and its parameters must not change before the promise resolves. Counts of
   * `stats()` begin anew. Until the calls under way have ended, weights are there twice. Models of `fromShared` stay as they are.
   *
   * @throws CompiledModelError `ERR_COMPILED_NO_WEIGHTS` unless it was compiled with `refoldable: true`,
   *   `ERR_COMPILED_CLOSED`, `ERR_COMPILED_DISPOSED`; CompileError for a network in training mode.
   * @example
   * const running = await compile(network, { inputs: [[1, 3, 64, 64]], refoldable: true });
   * await adapt.adaBn(network, [randn([8, 3, 64, 64])]);
   * await running.refold();
   */
  async refold(): Promise<void> {
    this.#checkOpen();
    const again = this.#again;
    if (again === undefined) {
      throw new CompiledModelError(
        'Expected a model of compile with refoldable: true for refold, got another; compile the network again',
        { code: 'ERR_COMPILED_NO_WEIGHTS' },
      );
    }
    const mine = this.#refolding.then(async () => this.#exchange(await again()));
    this.#refolding = mine.catch(() => {});
    await mine;
  }

  /** Calls that are under way end where they began. */
  #exchange(next: ModelEngine): void {
    if (this.closed) {
      next.dispose();
      this.#checkOpen();
    }
    const before = this.#engine;
    this.#engine = next;
    this.#leaving.add(before);
    this.drain().then(() => {
      this.#leaving.delete(before);
      before.dispose();
    });
  }

  /**
   * Writes the model to a file that `loadCompiled` reads. It holds the plan, and the weights as they are before each
   * kernel reorders them, so that it serves any processor. The file appears complete or not at all.
   *
   * @throws CompiledModelError `ERR_COMPILED_NO_WEIGHTS` for a model on the CPU of `keepWeights: false` or `fromShared`,
   *   `ERR_COMPILED_FILE` when the file cannot be written.
   */
  save(path: string | URL): void {
    this.#checkOpen();
    this.#engine.save(path);
  }

  /**
   * A token that may be posted to workers, which make a model of it with `CompiledModel.fromShared`. It is good for
   * as long as any thread has the model: keep this one until the worker has its own.
   *
   * @throws CompiledModelError `ERR_COMPILED_UNSUPPORTED` for a model on CUDA.
   */
  share(): SharedModel {
    this.#checkOpen();
    return { compiledModel: this.#engine.share() };
  }

  /**
   * Waits until the calls of `run` that were made before it have ended, well or badly. It never rejects. The model goes
   * on taking calls, which it does not wait for; nor does it wait for those of other threads that share the model.
   *
   * @example
   * await fast.drain(); // everything asked so far is answered
   */
  drain(): Promise<void> {
    return this.#calls.settled();
  }

  /**
   * Lets the calls that are under way end, then disposes the model: what replaces `dispose()` where others may be waiting
   * for answers, as in a server that loads another network. It never rejects; twice gives the same promise.
   *
   * Calls made afterwards reject at once with `ERR_COMPILED_CLOSED`, as do `save` and `share`. Models of other threads
   * that share the engine go on: it ends with the last of them. `dispose()` still ends it early.
   *
   * @example
   * const old = current;
   * current = await loadCompiled('next.ibn');
   * await old.close();
   */
  close(): Promise<void> {
    if (this.disposed) return this.#closing ?? Promise.resolve();
    this.#closing ??= this.drain().then(() => this.dispose());
    return this.#closing;
  }

  /** True after `close()`, also while calls are under way, and after `dispose()`. */
  get closed(): boolean {
    return this.#closing !== undefined || this.disposed;
  }

  /** True after `dispose()`, and once `close()` has ended. */
  get disposed(): boolean {
    return this.#engine.disposed;
  }

  /**
   * Lets go of the model now: runs that wait are rejected with `ERR_COMPILED_DISPOSED`; see `close()`. The engine ends
   * with the last model that shares it. Twice is fine.
   */
  dispose(): void {
    this.#again = undefined;
    for (const engine of [this.#engine, ...this.#leaving]) engine.dispose();
  }

  /** @throws CompiledModelError after `close()` or `dispose()`. */
  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
    this.#engine.checkAlive();
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
