import type { GradScaler } from '../../amp/index.ts';
import { load, stateDictOf } from '../../checkpoint/index.ts';
import { deviceCount, getRngStateAll, setRngState as setCudaRngState } from '../../cuda/index.ts';
import type { DataLoaderState } from '../../data/index.ts';
import { messageOf } from '../../errors.ts';
import { Optimizer } from '../../optim/index.ts';
import { describeValue } from '../../options.ts';
import { getRngState, isTensor, setRngState, type Tensor } from '../../tensor/index.ts';
import { TrainError } from '../errors.ts';
import type { Means } from './means.ts';
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

  constructor(options: TrainerOptions<Batch>, scaler: GradScaler | undefined, means: Means) {
    this.#options = options;
    this.#scaler = scaler;
    this.#means = means;
  }

  /** `epoch`, `state_dict`, `optimizer` and `best_acc` are the published script's; Python reads all of it. */
  dict({ epoch, batch, step, best }: Progress): Record<string, unknown> {
    const { model, scheduler, ema, data, extra = {} } = this.#options;
    return {
      ...extra,
      epoch,
      state_dict: model.stateDict(),
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
    };
  }

  #optimizerState(): unknown {
    const { optimizer } = this.#options;
    if (optimizer instanceof Optimizer) return optimizer.stateDict();
    return Object.fromEntries(Object.entries(optimizer).map(([name, each]) => [name, each.stateDict()]));
  }

  /**
   * Puts everything back as the file has it. What a file of another program lacks is told to `warn`.
   *
   * @throws TrainError `ERR_TRAIN_RESUME` where the file is of another model or optimizer
   */
  restore(path: string, warn: (message: string) => void): Progress {
    const saved = entriesOf(load(path), path);
    const { model, scheduler, ema, data } = this.#options;
    const progress = this.#progress(saved, path);
    const parts = new Parts(path, saved, warn);
    parts.required('state_dict', () => model.loadStateDict(stateDictOf(saved), { stripPrefix: 'auto' }));
    if (scheduler !== undefined && !saved.has('scheduler')) this.#catchUp(progress.epoch, warn, path);
    parts.required('optimizer', (state) => this.#restoreOptimizers(state, path));
    parts.wanted('scheduler', scheduler, (state) => scheduler?.loadStateDict(state as never));
    parts.wanted('scaler', this.#scaler, (state) => this.#scaler?.loadStateDict(state as object));
    parts.wanted('ema', ema, (state) => ema?.loadStateDict(state as never));
    if (isResumable(data))
      parts.wanted('loader', data, (state) => data.loadStateDict(state as DataLoaderState));
    else if (progress.batch > 0)
      warn(`${path} is in the middle of an epoch, and the data cannot go on there: it begins anew`);
    this.#means.restore(mapOf(saved.get('means')));
    this.#restoreRandom(parts, saved);
    if (progress.step > 0) this.#markStepped();
    return { ...progress, batch: isResumable(data) ? progress.batch : 0 };
  }

  #progress(saved: ReadonlyMap<string, unknown>, path: string): Progress {
    const { epochs } = this.#options;
    const count = (key: string) => whole(saved.get(key) ?? 0, key, path);
    const epoch = count('epoch');
    if (epoch > epochs)
      throw refusal(
        path,
        `Expected a run of at most ${epochs} epochs to go on from, got ${epoch} in ${path}; ask for more epochs`,
      );
    const best = saved.get('best_acc') ?? undefined;
    return {
      epoch,
      batch: count('batch'),
      step: count('step'),
      best: best === undefined ? undefined : Number(isTensor(best) ? best.item() : best),
    };
  }

  #restoreOptimizers(state: unknown, path: string): void {
    const { optimizer } = this.#options;
    if (optimizer instanceof Optimizer) {
      optimizer.loadStateDict(state as never);
      return;
    }
    const states = mapOf(state);
    for (const [name, each] of Object.entries(optimizer)) {
      if (!states.has(name)) throw new RangeError(`no state of the optimizer "${name}" in ${path}`);
      each.loadStateDict(states.get(name) as never);
    }
  }

  /** The schedule may step before the optimizer does here. */
  #markStepped(): void {
    for (const [, optimizer] of optimizersOf(this.#options)) optimizer.stepped = true;
  }

  /** A file without the scheduler's state was saved after so many epochs. */
  #catchUp(epoch: number, warn: (message: string) => void, path: string): void {
    const { scheduler, schedulerStep = 'epoch' } = this.#options;
    if (schedulerStep === 'step') {
      warn(`${path} has no scheduler state: the schedule begins anew`);
      return;
    }
    this.#markStepped();
    for (let i = 0; i < epoch; i++) scheduler?.step();
  }

  #restoreRandom(parts: Parts, saved: ReadonlyMap<string, unknown>): void {
    parts.wanted('rng_state', true, (state) => setRngState(state as Tensor));
    if (deviceCount() === 0 || !saved.has('cuda_rng_state')) return;
    const states = saved.get('cuda_rng_state') as Tensor[];
    for (const [device, state] of states.slice(0, deviceCount()).entries()) setCudaRngState(state, device);
  }
}

/** The parts of a saved run. */
class Parts {
  readonly #path: string;
  readonly #saved: ReadonlyMap<string, unknown>;
  readonly #warn: (message: string) => void;

  constructor(path: string, saved: ReadonlyMap<string, unknown>, warn: (message: string) => void) {
    this.#path = path;
    this.#saved = saved;
    this.#warn = warn;
  }

  required(key: string, restore: (state: unknown) => unknown): void {
    if (!this.#saved.has(key) && key !== 'state_dict') throw this.#failure(key, 'it is not there');
    this.#try(key, restore);
  }

  /** Of no use where this run has no such `part`. */
  wanted(key: string, part: unknown, restore: (state: unknown) => unknown): void {
    if (part === undefined) return;
    if (this.#saved.has(key)) this.#try(key, restore);
    else if (key !== 'scheduler') this.#warn(`${this.#path} has no ${key}: that part of the run begins anew`);
  }

  #try(key: string, restore: (state: unknown) => unknown): void {
    try {
      restore(this.#saved.get(key));
    } catch (error) {
      throw this.#failure(key, messageOf(error), error);
    }
  }

  #failure(key: string, reason: string, cause?: unknown): TrainError {
    return refusal(
      this.#path,
      `Expected a checkpoint of this run, got ${this.#path}, whose "${key}" does not fit: ${reason}`,
      cause,
    );
  }
}

function isResumable(data: unknown): data is Resumable {
  const { stateDict, loadStateDict } = data as Partial<Resumable>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function';
}

function entriesOf(saved: unknown, path: string): Map<string, unknown> {
  const map = mapOf(saved);
  if (map.size > 0) return map;
  throw refusal(path, `Expected a checkpoint of training, got ${describeValue(saved)} in ${path}`);
}

function mapOf(value: unknown): Map<string, unknown> {
  if (value instanceof Map) return value;
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return new Map(isRecord ? Object.entries(value) : []);
}

function whole(value: unknown, key: string, path: string): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 0) return count;
  throw refusal(path, `Expected a whole number for "${key}" of ${path}, got ${describeValue(value)}`);
}

function refusal(path: string, message: string, cause?: unknown): TrainError {
  return new TrainError(message, { code: 'ERR_TRAIN_RESUME', path, cause });
}
