import { GradScaler } from '../amp/index.ts';
import { messageOf } from '../errors.ts';
import type { Module } from '../nn/index.ts';
import { lrScheduler } from '../optim/index.ts';
import { checkOptions, checkPositions } from '../options.ts';
import { isTensor, type Tensor } from '../tensor/index.ts';
import { TrainError } from './errors.ts';
import { CheckpointFolder } from './run/checkpoint-folder.ts';
import { Means } from './run/means.ts';
import { type Progress, RunState } from './run/run-state.ts';
import { TrainStep } from './run/train-step.ts';
import {
  type Callbacks,
  checkTrainerOptions,
  type EpochReport,
  type Figures,
  optimizersOf,
  type StepReport,
  type TrainerOptions,
} from './run/trainer-options.ts';

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** `'auto'`: the newest checkpoint of `output`, if there is one; or a path. Default: a new run. */
  resume?: 'auto' | (string & {}) | undefined;
  /** Ends the run after the step that is being done, with a checkpoint. */
  signal?: AbortSignal | undefined;
}

/** How a run ended. */
export interface FitResult {
  /** False: it was stopped by `signal`, and can go on. */
  readonly finished: boolean;
  readonly epoch: number;
  readonly step: number;
  /** The best figure, where `best` names one. */
  readonly best: number | undefined;
  /** The newest checkpoint. */
  readonly checkpoint: string | undefined;
}

/**
 * Trains a model: batches, loss, gradients, steps; figures after each epoch; checkpoints from which a run goes on bit for
 * bit, in the middle of an epoch too (CPU, same number of threads). It knows no task: the loss is a function of a batch
 * and the model.
 *
 * A checkpoint has all that the next step depends on, in the published script's layout (`epoch`, `state_dict`,
 * `optimizer`, `best_acc`), and is written atomically. A run begun in Python goes on from its file.
 *
 * @example
 * const pairs = new TensorDataset(randn([8, 4]), randint(0, 2, [8]));
 * const linear = new nn.Linear(4, 2);
 * const trainer = new train.Trainer({
 *   model: linear,
 *   optimizer: new optim.SGD(linear.parameters(), { lr: 0.1 }),
 *   data: new DataLoader(pairs, { batchSize: 4, shuffle: true }),
 *   loss: ([inputs, labels]) => nn.functional.crossEntropy(linear.forward(inputs), labels),
 *   epochs: 2,
 * });
 * const { step } = await trainer.fit(); // 4
 */
export class Trainer<Batch> {
  readonly #options: TrainerOptions<Batch>;
  readonly #callbacks: readonly Callbacks[];
  readonly #folder: CheckpointFolder | undefined;
  readonly #scaler: GradScaler | undefined;
  readonly #means = new Means();
  readonly #state: RunState<Batch>;
  readonly #train: TrainStep<Batch>;
  #progress: Progress = { epoch: 0, batch: 0, step: 0, best: undefined };
  #checkpoint: string | undefined;
  /** Of the epoch under way. */
  #seconds = 0;
  #dataSeconds = 0;

  constructor(options: TrainerOptions<Batch>) {
    checkPositions('Trainer', arguments, 1);
    checkTrainerOptions(options);
    const { callbacks = [], output, keepLast = 2, amp, device = 'cpu' } = options;
    this.#options = options;
    this.#callbacks = [callbacks].flat();
    this.#folder = output === undefined ? undefined : new CheckpointFolder(output, keepLast);
    this.#scaler = amp === 'float16' ? new GradScaler(device) : undefined;
    this.#state = new RunState(options, this.#scaler, this.#means);
    this.#train = new TrainStep(options, this.#scaler);
  }

  /**
   * Trains to the last epoch, or until `signal`.
   *
   * @throws TrainError `ERR_TRAIN_NON_FINITE` for a loss that is no finite number, before it changes a weight;
   *   `ERR_TRAIN_RESUME` for a checkpoint of another run; `ERR_TRAIN_SAVE` where the last checkpoint cannot be written (an
   *   earlier one that cannot is a warning, and the run goes on).
   */
  async fit(options: FitOptions = {}): Promise<FitResult> {
    checkPositions('Trainer.fit', arguments, 1);
    checkOptions('Trainer.fit', options, ['resume', 'signal']);
    this.#resume(options.resume);
    const { epochs } = this.#options;
    while (this.#progress.epoch < epochs) {
      if (!(await this.#epoch(options.signal))) return this.#result(false);
    }
    return this.#result(true);
  }

  /** Whether the epoch was done, and not stopped. */
  async #epoch(signal: AbortSignal | undefined): Promise<boolean> {
    this.#options.model.train();
    const isDone = await this.#batches(signal);
    if (!isDone) {
      this.#save(false, true);
      return false;
    }
    const val = await this.#evaluate();
    const isBest = this.#isBest(val);
    const report = this.#report(val, isBest);
    this.#stepSchedule(val);
    this.#progress = { ...this.#progress, epoch: this.#progress.epoch + 1, batch: 0 };
    this.#means.clear();
    // Before the checkpoint: a log has every epoch that is saved, whenever the process is killed.
    this.#tell((callbacks) => callbacks.onEpoch?.(report));
    this.#save(isBest, this.#progress.epoch === this.#options.epochs);
    return true;
  }

  #stepSchedule(val: Figures | undefined): void {
    const { scheduler, schedulerStep = 'epoch' } = this.#options;
    if (scheduler === undefined || schedulerStep === 'step') return;
    if (!(scheduler instanceof lrScheduler.ReduceLROnPlateau)) {
      scheduler.step();
      return;
    }
    if (val?.loss !== undefined) scheduler.step(val.loss);
    else
      throw new TypeError('Expected a figure "loss" from Trainer evaluate for ReduceLROnPlateau, got none');
  }

  async #batches(signal: AbortSignal | undefined): Promise<boolean> {
    const { data, accumulate = 1 } = this.#options;
    [this.#seconds, this.#dataSeconds] = [0, 0];
    let began = performance.now();
    let pending = 0;
    for await (const batch of data) {
      const waited = (performance.now() - began) / 1000;
      // The last batches of an epoch may be fewer.
      const first = this.#progress.batch - pending;
      const together = data.length === undefined ? accumulate : Math.min(accumulate, data.length - first);
      const values = this.#accumulate(batch, 1 / together);
      pending++;
      this.#progress.batch++;
      const steps = pending >= together;
      if (steps) {
        this.#step();
        pending = 0;
      }
      const seconds = (performance.now() - began) / 1000;
      this.#seconds += seconds;
      this.#dataSeconds += waited;
      this.#tellStep(values, seconds, waited);
      if (steps && this.#isTimeToSave()) this.#save(false, false);
      if (steps && signal?.aborted) return false;
      began = performance.now();
    }
    if (pending > 0) this.#step();
    if (this.#progress.batch > 0) return true;
    throw new TrainError('Expected batches from Trainer data, got none', { code: 'ERR_TRAIN_EMPTY' });
  }

  #accumulate(batch: Batch, share: number): Figures {
    try {
      const values = this.#train.accumulate(batch, share);
      this.#means.add(values, samplesIn(batch));
      return Object.fromEntries(values);
    } catch (error) {
      throw error instanceof TrainError ? this.#located(error) : error;
    } finally {
      disposeTensors(batch);
    }
  }

  #step(): void {
    this.#train.step();
    this.#progress.step++;
    if (this.#options.schedulerStep === 'step') this.#options.scheduler?.step();
  }

  #isTimeToSave(): boolean {
    const { saveEvery, data, evaluate } = this.#options;
    const { batch, step } = this.#progress;
    if (saveEvery === undefined) return false;
    // The end of the epoch has a checkpoint of its own, behind the evaluation, which may be long.
    return batch === data.length ? evaluate !== undefined : step % saveEvery === 0;
  }

  async #evaluate(): Promise<Figures | undefined> {
    const { evaluate, model, ema } = this.#options;
    if (evaluate === undefined) return undefined;
    const measured: Module = ema?.module ?? model;
    measured.eval();
    return await evaluate(measured, this.#progress.epoch);
  }

  #isBest(val: Figures | undefined): boolean {
    const { best } = this.#options;
    if (best === undefined) return false;
    const value = val?.[best.figure];
    if (typeof value !== 'number') {
      throw new TypeError(
        `Expected a number "${best.figure}" from Trainer evaluate, got ${Object.keys(val ?? {}).join(', ') || 'nothing'}`,
      );
    }
    const before = this.#progress.best;
    const isBetter = before === undefined || (best.mode === 'min' ? value < before : value > before);
    if (isBetter) this.#progress.best = value;
    return isBetter;
  }

  #report(val: Figures | undefined, isBest: boolean): EpochReport {
    const { epoch, step } = this.#progress;
    return {
      epoch,
      epochs: this.#options.epochs,
      step,
      lr: this.#lr(),
      train: this.#means.values(),
      val,
      isBest,
      seconds: this.#seconds,
      dataSeconds: this.#dataSeconds,
    };
  }

  #tellStep(values: Figures, seconds: number, dataSeconds: number): void {
    const { epoch, batch, step } = this.#progress;
    const report: StepReport = {
      epoch,
      batch,
      batches: this.#options.data.length,
      step,
      values,
      means: this.#means.values(),
      lr: this.#lr(),
      seconds,
      dataSeconds,
    };
    this.#tell((callbacks) => callbacks.onStep?.(report));
  }

  #lr(): number {
    const optimizer = optimizersOf(this.#options)[0]?.[1] as
      | { readonly paramGroups: readonly { lr?: number }[] }
      | undefined;
    return Number(optimizer?.paramGroups[0]?.lr);
  }

  #resume(resume: FitOptions['resume']): void {
    if (resume === undefined) return;
    const candidates = resume === 'auto' ? (this.#folder?.candidates() ?? []) : [resume];
    for (const [index, path] of candidates.entries()) {
      try {
        this.#progress = this.#state.restore(path, (message) => this.#warn(message));
        this.#checkpoint = path;
        const { epoch, batch } = this.#progress;
        this.#tell((callbacks) => callbacks.onResume?.(path, epoch, batch));
        return;
      } catch (error) {
        const isLast = index === candidates.length - 1;
        if (isLast || error instanceof TrainError) throw error;
        this.#warn(`${messageOf(error)}; the checkpoint before it is taken`);
      }
    }
  }

  /** `isLast`: there will be no other that makes up for it. */
  #save(isBest: boolean, isLast: boolean): void {
    if (this.#folder === undefined) return;
    try {
      this.#checkpoint = this.#folder.save(this.#state.dict(this.#progress), this.#progress.step, isBest);
      const path = this.#checkpoint;
      this.#tell((callbacks) => callbacks.onSave?.(path));
    } catch (cause) {
      const message = `The checkpoint of step ${this.#progress.step} could not be written: ${messageOf(cause)}`;
      if (isLast) throw new TrainError(message, { code: 'ERR_TRAIN_SAVE', path: this.#checkpoint, cause });
      this.#warn(`${message}; the run goes on, and tries again at the next`);
    }
  }

  #located(error: TrainError): TrainError {
    const { epoch, batch } = this.#progress;
    const from = this.#checkpoint === undefined ? '' : `; ${this.#checkpoint} has the run before it`;
    return new TrainError(
      `Epoch ${epoch}, batch ${batch}: ${error.message}${from}; lower the learning rate, or clip gradients`,
      {
        code: error.code,
        path: this.#checkpoint,
      },
    );
  }

  #warn(message: string): void {
    if (!this.#callbacks.some(({ onWarning }) => onWarning))
      process.emitWarning(message, { code: 'IBN_TRAIN' });
    this.#tell((callbacks) => callbacks.onWarning?.(message));
  }

  #tell(tell: (callbacks: Callbacks) => void): void {
    for (const callbacks of this.#callbacks) tell(callbacks);
  }

  #result(finished: boolean): FitResult {
    const { epoch, step, best } = this.#progress;
    return { finished, epoch, step, best, checkpoint: this.#checkpoint };
  }
}

/** The first dimension of the first tensor. */
function samplesIn(batch: unknown): number {
  return tensorsIn(batch)[0]?.shape[0] ?? 1;
}

function disposeTensors(batch: unknown): void {
  for (const tensor of tensorsIn(batch)) tensor.dispose();
}

function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value instanceof Map) return [...value.values()].flatMap(tensorsIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsIn) : [];
}
