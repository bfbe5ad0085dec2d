import type { GradScaler } from '../../amp/index.ts';
import { load, stateDictOf } from '../../checkpoint/index.ts';
import { deviceCount, getRngStateAll, setRngState as setCudaRngState } from '../../cuda/index.ts';
import type { DataLoaderState } from '../../data/index.ts';
import { getRngState, isTensor, setRngState, type Tensor } from '../../tensor/index.ts';
import type { Means } from './means.ts';
import { distributedSamplerOf } from './ranks.ts';
import { RecipeState } from './recipe-state.ts';
import { entriesOf, mapOf, SavedParts, tooFar, whole } from './saved-parts.ts';
import { optimizersOf, type TrainerOptions } from './trainer-options.ts';

/** How far a run is. */
export interface Progress {
  /** Epochs that are done. */
  epoch: number;
  /** Batches of the epoch under way. */
  batch: number;
  /** Steps of the optimizer. */
  step: number;
  best: number | undefined;
}

/** Data that knows where it stands. */
interface Resumable {
  stateDict(): DataLoaderState;
  loadStateDict(state: DataLoaderState | ReadonlyMap<string, unknown>): void;
}

/** All that a run depends on, to and from a checkpoint in the published script's layout. */
export class RunState<Batch> {
  readonly #options: TrainerOptions<Batch>;
  readonly #scaler: GradScaler | undefined;
  readonly #means: Means;
  readonly #recipe: RecipeState<Batch>;

  constructor(options: TrainerOptions<Batch>, scaler: GradScaler | undefined, means: Means) {
    this.#options = options;
    this.#scaler = scaler;
    this.#means = means;
    this.#recipe = new RecipeState(options);
  }

  /** `epoch`, `state_dict`, `optimizer` and `best_acc` are the published script's; Python reads all of it. */
  dict({ epoch, batch, step, best }: Progress): Record<string, unknown> {
    const { model, scheduler, ema, data, extra = {}, parts = {} } = this.#options;
    const sampler = distributedSamplerOf(data);
    return {
      ...extra,
      epoch,
      state_dict: model.stateDict(),
      ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.stateDict()])),
      optimizer: this.#optimizerState(),
      ...(best === undefined ? {} : { best_acc: best }),
      ...(scheduler === undefined ? {} : { scheduler: scheduler.stateDict() }),
      ...(this.#scaler === undefined ? {} : { scaler: this.#scaler.stateDict() }),
      ...(ema === undefined ? {} : { ema: ema.stateDict() }),
      step,
      batch,
      means: this.#means.state(),
      rng_state: getRngState(),
      ...(deviceCount() > 0 ? { cuda_rng_state: getRngStateAll() } : {}),
      ...(isResumable(data) ? { loader: data.stateDict() } : {}),
      ...(sampler === undefined
        ? {}
        : { world_size: sampler.numReplicas, sampler_skipped: batch > 0 ? sampler.skipped : 0 }),
    };
  }

  #optimizerState(): unknown {
    const optimizers = optimizersOf(this.#options);
    if (optimizers.length === 1 && optimizers[0]?.[0] === '') return optimizers[0][1].stateDict();
    return Object.fromEntries(optimizers.map(([name, optimizer]) => [name, optimizer.stateDict()]));
  }

  /**
   * Puts everything back as the file has it. What a file of another program lacks is told to `warn`.
   *
   * @throws TrainError `ERR_TRAIN_RESUME` where the file is of another model or optimizer, or of other settings of the
   *   optimizer or the schedule without `override`
   */
  restore(path: string, override: boolean, warn: (message: string) => void): Progress {
    const saved = entriesOf(load(path), path);
    const { model, ema, data, epochs } = this.#options;
    const epoch = whole(saved.get('epoch') ?? 0, 'epoch', path);
    const batch = whole(saved.get('batch') ?? 0, 'batch', path);
    const step = whole(saved.get('step') ?? 0, 'step', path);
    if (epoch > epochs) throw tooFar(epoch, epochs, path);
    const parts = new SavedParts(path, saved, warn);
    parts.required('state_dict', () => model.loadStateDict(stateDictOf(saved), { stripPrefix: 'auto' }));
    for (const [name, part] of Object.entries(this.#options.parts ?? {}))
      parts.required(name, (state) => part.loadStateDict(state as never));
    this.#recipe.restore(parts, saved, { epoch, step, override, path, warn });
    parts.wanted('scaler', this.#scaler, (state) => this.#scaler?.loadStateDict(state as object));
    parts.wanted('ema', ema, (state) => ema?.loadStateDict(state as never));
    const isMoved = this.#restoreSampler(saved, epoch, batch, path);
    if (isMoved) warn(`${path} is of another number of ranks: the rest of its epoch is shared out anew`);
    else if (isResumable(data))
      parts.wanted('loader', data, (state) => data.loadStateDict(state as DataLoaderState));
    else if (batch > 0)
      warn(`${path} is in the middle of an epoch, and the data cannot go on there: it begins anew`);
    this.#means.restore(mapOf(saved.get('means')));
    this.#restoreRandom(parts, saved);
    const best = saved.get('best_acc');
    if (step > 0) this.#recipe.markStepped();
    return {
      epoch,
      batch: isResumable(data) && !isMoved ? batch : 0,
      step,
      best: best === undefined || best === null ? undefined : Number(isTensor(best) ? best.item() : best),
    };
  }

  /** Whether the epoch under way is shared out among another number of ranks, from where it was. */
  #restoreSampler(saved: ReadonlyMap<string, unknown>, epoch: number, batch: number, path: string): boolean {
    const { data } = this.#options;
    const sampler = distributedSamplerOf(data);
    if (sampler === undefined) return false;
    const ranks = whole(saved.get('world_size') ?? sampler.numReplicas, 'world_size', path);
    const skipped = whole(saved.get('sampler_skipped') ?? 0, 'sampler_skipped', path);
    const isMoved = ranks !== sampler.numReplicas && batch > 0;
    const { batchSize } = data as unknown as { batchSize: number | null };
    sampler.setEpoch(epoch);
    sampler.skip(skipped + (isMoved ? batch * (batchSize ?? 1) * ranks : 0));
    return isMoved;
  }

  #restoreRandom(parts: SavedParts, saved: ReadonlyMap<string, unknown>): void {
    parts.wanted('rng_state', true, (state) => setRngState(state as Tensor));
    if (deviceCount() === 0 || !saved.has('cuda_rng_state')) return;
    const states = saved.get('cuda_rng_state') as Tensor[];
    for (const [device, state] of states.slice(0, deviceCount()).entries()) setCudaRngState(state, device);
  }
}

function isResumable(data: unknown): data is Resumable {
  const { stateDict, loadStateDict } = data as Partial<Resumable>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function';
}
