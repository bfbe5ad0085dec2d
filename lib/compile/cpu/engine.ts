import { unwrap } from '../../ops/index.ts';
import { keep, Tensor } from '../../tensor/index.ts';
import { CompiledModelError } from '../compiled-error.ts';
import type { ModelEngine } from '../model-engine.ts';
import { type EngineStats, engine } from '../native.ts';
import { writeCompiled } from '../plan-file/writer.ts';
import { replaceTensors, tensorsOf } from '../plan-tensors.ts';
import { describeModel, type ModelDescription } from '../run-inputs.ts';
import { engineSettings, type RunOptions } from '../run-options.ts';
import { turn } from '../turns.ts';
import { explain } from './explain.ts';
import { Jobs } from './jobs.ts';
import type { Plan } from './plan.ts';
import { stepCosts } from './step-costs.ts';

/** What a CPU engine is started with besides a plan. */
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

/** A plan on threads of its own, or those of another thread's model that share them. */
export class CpuEngine implements ModelEngine {
  readonly description: ModelDescription;
  readonly #jobs: Jobs;
  readonly #plan: Plan | undefined;
  readonly #owned: readonly Tensor[];

  private constructor(jobs: Jobs, description: ModelDescription, plan?: Plan, owned: readonly Tensor[] = []) {
    this.#jobs = jobs;
    this.description = description;
    this.#plan = plan;
    this.#owned = owned;
  }

  /** Starts the threads and waits until they are ready. The plan's tensors belong to the engine from then on. */
  static async start(plan: Plan, options: PlanOptions): Promise<CpuEngine> {
    const { batch = null, keepWeights = true, borrowed, instructionSet = null, owner = 'compile' } = options;
    const owned = tensorsOf(plan).filter((tensor) => borrowed?.has(tensor) !== true);
    owned.forEach(keep);
    let jobs: Jobs | undefined;
    try {
      const settings = engineSettings(owner, options, instructionSet);
      const native = replaceTensors(plan, unwrap);
      jobs = new Jobs((settle) => engine.compiledCreate(native, settings, settle));
      await turn();
      const description = describeModel(plan, batch, explain(plan), stepCosts(plan));
      engine.compiledDescribe(jobs.handle, JSON.stringify(description));
      // The engine frees each weight that only it holds as soon as it is packed.
      if (!keepWeights) disposeAll(owned);
      await jobs.run(null);
      return keepWeights ? new CpuEngine(jobs, description, plan, owned) : new CpuEngine(jobs, description);
    } catch (error) {
      jobs?.dispose();
      disposeAll(owned);
      throw error;
    }
  }

  /** @throws CompiledModelError `ERR_COMPILED_DISPOSED` when no thread has the model any more. */
  static attach(token: string): CpuEngine {
    const jobs = new Jobs((settle) => {
      const handle = engine.compiledAttach(token, settle);
      if (handle !== undefined) return handle;
      throw new CompiledModelError('The shared model was disposed in every thread that had it', {
        code: 'ERR_COMPILED_DISPOSED',
      });
    });
    return new CpuEngine(jobs, JSON.parse(engine.compiledDescription(jobs.handle)) as ModelDescription);
  }

  get disposed(): boolean {
    return this.#jobs.disposed;
  }

  checkAlive(): void {
    void this.#jobs.handle;
  }

  async run(inputs: Tensor[], signal: AbortSignal | undefined): Promise<Tensor[]> {
    const handles = await this.#jobs.run(inputs.map(unwrap), signal);
    return handles.map((handle) => new Tensor(handle));
  }

  stats(): EngineStats {
    return engine.compiledStats(this.#jobs.handle);
  }

  share(): string {
    return engine.compiledShare(this.#jobs.handle);
  }

  save(path: string | URL): void {
    this.checkAlive();
    if (this.#plan === undefined) {
      throw new CompiledModelError(
        'Expected a model that keeps its weights for save, got one of keepWeights: false or fromShared; save it ' +
          'where it was compiled, with keepWeights: true',
        { code: 'ERR_COMPILED_NO_WEIGHTS' },
      );
    }
    writeCompiled(path, this.#plan, this.description.batch);
  }

  dispose(): void {
    this.#jobs.dispose();
    disposeAll(this.#owned);
  }
}

function disposeAll(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}
