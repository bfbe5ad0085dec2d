import { unwrap } from '../ops/index.ts';
import { checkOptions } from '../options.ts';
import { keep, Tensor } from '../tensor/index.ts';
import { CompiledModelError } from './compiled-error.ts';
import { explain } from './explain.ts';
import { Jobs } from './jobs.ts';
import { type EngineStats, engine } from './native.ts';
import type { Plan } from './plan.ts';
import { replaceTensors, tensorsOf } from './plan-tensors.ts';
import { checkInputs, describeModel, type ModelDescription, nameOutputs } from './run-inputs.ts';
import { engineSettings, type RunOptions } from './run-options.ts';
import { writeCompiled } from './save.ts';

export type { EngineStats as CompiledStats } from './native.ts';

/** What a network may give: one tensor, a list, or tensors by name (those of nested objects joined by dots). */
export type Outputs = Tensor | Tensor[] | Record<string, Tensor>;

/** Stands for a compiled model in messages to workers; see `CompiledModel.share`. */
export interface SharedModel {
  readonly compiledModel: string;
}

/** What `CompiledModel.fromPlan` takes besides a plan. @internal */
export interface PlanOptions extends RunOptions {
  /** The only batch size that `run` takes; null: any. */
  batch?: number | null;
  /** Keep the plan's tensors, so that it can be saved; they are disposed with the model. Default true. */
  keepWeights?: boolean;
  /** Tensors of the plan that are another's, and are not disposed. */
  borrowed?: ReadonlySet<Tensor>;
  /** One of `instructionSets()`, for tests. Default: the best. */
  instructionSet?: string | null;
  /** Names the function in messages. */
  owner?: string;
}

/**
 * A network that was compiled for inference; made by `compile` and `loadCompiled`.
 *
 * It runs on threads of its own: the event loop stays free, and any number of `run` calls may be under way. They
 * are computed in order. `dispose()` ends the threads; a model that is forgotten is collected as any object.
 *
 * `Output` is what `run` gives: what the network's forward gives.
 *
 * @example
 * const fast = await compile(model, { inputs: [[1, 3, 224, 224]] });
 * const logits = await fast.run(images);
 */
export class CompiledModel<Output = Tensor> {
  readonly #jobs: Jobs;
  readonly #description: ModelDescription;
  readonly #plan: Plan | undefined;
  readonly #owned: readonly Tensor[];

  private constructor(jobs: Jobs, description: ModelDescription, plan?: Plan, owned: readonly Tensor[] = []) {
    this.#jobs = jobs;
    this.#description = description;
    this.#plan = plan;
    this.#owned = owned;
  }

  /**
   * Starts an engine for a plan and waits until it is ready. The plan's tensors belong to the model from then on.
   *
   * @internal
   */
  static async fromPlan<Output = Tensor>(
    plan: Plan,
    options: PlanOptions = {},
  ): Promise<CompiledModel<Output>> {
    const { batch = null, keepWeights = true, borrowed, instructionSet = null, owner = 'compile' } = options;
    const owned = tensorsOf(plan).filter((tensor) => borrowed?.has(tensor) !== true);
    owned.forEach(keep);
    let jobs: Jobs | undefined;
    try {
      const settings = engineSettings(owner, options, instructionSet);
      const native = replaceTensors(plan, unwrap);
      jobs = new Jobs((settle) => engine.compiledCreate(native, settings, settle));
      const description = describeModel(plan, batch, explain(plan));
      engine.compiledDescribe(jobs.handle, JSON.stringify(description));
      // The engine frees each weight that only it holds as soon as it is packed.
      if (!keepWeights) disposeAll(owned);
      await jobs.run(null);
      if (keepWeights) return new CompiledModel(jobs, description, plan, owned);
      return new CompiledModel(jobs, description);
    } catch (error) {
      jobs?.dispose();
      disposeAll(owned);
      throw error;
    }
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
    const jobs = new Jobs((settle) => {
      const handle = engine.compiledAttach(token, settle);
      if (handle !== undefined) return handle;
      throw new CompiledModelError('The shared model was disposed in every thread that had it', {
        code: 'ERR_COMPILED_DISPOSED',
      });
    });
    return new CompiledModel(jobs, JSON.parse(engine.compiledDescription(jobs.handle)) as ModelDescription);
  }

  /**
   * Computes the network's outputs for a batch, (N, C, H, W) float32 on the CPU. The input is copied before `run`
   * returns: it may be changed or disposed at once.
   *
   * Rejects with the signal's reason, an AbortError, as soon as `signal` aborts: a call that waits leaves the queue,
   * one that is computed ends early.
   *
   * @param x The input, or an array of them for a network of several.
   * @throws TypeError, RangeError for another kind, shape, dtype or device.
   * @throws CompiledModelError `ERR_COMPILED_QUEUE_FULL`, `ERR_COMPILED_DISPOSED`.
   * @example
   * const logits = await fast.run(x, { signal: AbortSignal.timeout(200) });
   */
  async run(
    x: Tensor | readonly Tensor[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Output> {
    checkOptions('run', options, ['signal']);
    const { signal } = options;
    void this.#jobs.handle;
    const inputs = checkInputs(x, this.#description);
    const handles = await this.#jobs.run(inputs.map(unwrap), signal);
    return nameOutputs(
      handles.map((handle) => new Tensor(handle)),
      this.#description.outputs,
    ) as Output;
  }

  /** The steps as a table: what each computes, what is fused into it, where its values lie. */
  explain(): string {
    return this.#description.explanation;
  }

  /**
   * Memory, the queue, and each step's algorithm and total time so far.
   *
   * @throws CompiledModelError `ERR_COMPILED_DISPOSED`.
   */
  stats(): EngineStats {
    return engine.compiledStats(this.#jobs.handle);
  }

  /**
   * Writes the model to a file that `loadCompiled` reads. It holds the plan, and the weights as they are before each
   * kernel reorders them, so that it serves any processor. The file appears complete or not at all.
   *
   * @throws CompiledModelError `ERR_COMPILED_NO_WEIGHTS` for a model of `keepWeights: false` or `fromShared`,
   *   `ERR_COMPILED_FILE` when the file cannot be written.
   */
  save(path: string | URL): void {
    void this.#jobs.handle;
    if (this.#plan === undefined) {
      throw new CompiledModelError(
        'Expected a model that keeps its weights for save, got one of keepWeights: false or fromShared; save it ' +
          'where it was compiled, with keepWeights: true',
        { code: 'ERR_COMPILED_NO_WEIGHTS' },
      );
    }
    writeCompiled(path, this.#plan, this.#description.batch);
  }

  /**
   * A token that may be posted to workers, which make a model of it with `CompiledModel.fromShared`. It is good for
   * as long as any thread has the model: keep this one until the worker has its own.
   */
  share(): SharedModel {
    return { compiledModel: engine.compiledShare(this.#jobs.handle) };
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return this.#jobs.disposed;
  }

  /**
   * Lets go of the model now: runs that wait are rejected with `ERR_COMPILED_DISPOSED`. The engine ends with the last
   * model that shares it. Twice is fine.
   */
  dispose(): void {
    this.#jobs.dispose();
    disposeAll(this.#owned);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function disposeAll(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}
