import { GradScaler } from '../amp/index.ts';
import { type Module, utils } from '../nn/index.ts';
import { lrScheduler } from '../optim/index.ts';
import { checkOptions, checkPositions } from '../options.ts';
import { emptyCpuCache } from '../tensor/index.ts';
import { TrainError } from './errors.ts';
import { disposeTensors, samplesIn } from './run/batch-tensors.ts';
import { batchesOfAll } from './run/batches-of-all.ts';
import { betterFigure } from './run/best-figure.ts';
import { Means } from './run/means.ts';
import { distributedSamplerOf, isSharedOut, Ranks } from './run/ranks.ts';
import { type Progress, RunState } from './run/run-state.ts';
import { Saves } from './run/saves.ts';
import { TrainStep } from './run/train-step.ts';
import {
  checkTrainerOptions,
  type EpochReport,
  type Figures,
  rateOf,
  type StepReport,
  type TrainerOptions,
} from './run/trainer-options.ts';

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** `'auto'`: the newest checkpoint of `output`, if there is one; or a path. Default: a new run. */
  resume?: 'auto' | (string & {}) | undefined;
  /**
   * Whether settings of the optimizer and the schedule (rates, decays, milestones) are those of this run where the file has
   * others, with the schedule brought to the file's epoch or step. Default false: they are an error.
   */
  override?: boolean | undefined;
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
  readonly #saves: Saves<Batch>;
  readonly #scaler: GradScaler | undefined;
  readonly #means = new Means();
  readonly #train: TrainStep<Batch>;
  readonly #ranks: Ranks;
  /** The epoch whose order the data has. */
  #ordered: number | undefined;
  #progress: Progress = { epoch: 0, batch: 0, step: 0, best: undefined };
  /** Batches whose gradients wait for a step, and how many it is to have. */
  #pending = 0;
  #together = 1;
  /** Of the epoch under way. */
  #seconds = 0;
  #dataSeconds = 0;

  constructor(options: TrainerOptions<Batch>) {
    checkPositions('Trainer', arguments, 1);
    checkTrainerOptions(options);
    const { amp, device = 'cpu', fuseNorms = false } = options;
    if (fuseNorms) utils.fuseNorms(options.model);
    this.#options = options;
    this.#scaler = amp === 'float16' ? new GradScaler(device) : undefined;
    this.#saves = new Saves(options, new RunState(options, this.#scaler, this.#means));
    this.#train = new TrainStep(options, this.#scaler);
    this.#ranks = new Ranks(options.ddp?.processGroup);
  }

  /**
   * Trains to the last epoch, or until `signal`.
   *
   * @throws TrainError `ERR_TRAIN_NON_FINITE` for a loss that is no finite number, before it changes a weight;
   *   `ERR_TRAIN_RESUME` for a checkpoint of another run, or of other settings without `override`; `ERR_TRAIN_SAVE` where the last checkpoint cannot be written (an
   *   earlier one that cannot is a warning, and the run goes on).
   */
  async fit(options: FitOptions = {}): Promise<FitResult> {
    checkPositions('Trainer.fit', arguments, 1);
    checkOptions('Trainer.fit', options, ['resume', 'override', 'signal']);
    const { resume, override = false } = options;
    const resumed = resume === undefined ? undefined : this.#saves.resume(resume, override);
    if (resumed !== undefined) {
      this.#progress = resumed;
      this.#ordered = resumed.epoch;
    }
    const { epochs } = this.#options;
    try {
      while (this.#progress.epoch < epochs) {
        if (!(await this.#epoch(options.signal))) return this.#result(false);
      }
      return this.#result(true);
    } finally {
      emptyCpuCache();
    }
  }

  /** Whether the epoch was done, and not stopped. */
  async #epoch(signal: AbortSignal | undefined): Promise<boolean> {
    this.#options.model.train();
    this.#order(this.#progress.epoch);
    this.#saves.tell((callbacks) => callbacks.onEpochBegin?.(this.#progress.epoch));
    const isDone = await this.#batches(signal);
    if (!isDone) {
      this.#saves.save(this.#progress, false, true);
      return false;
    }
    const val = await this.#ranks.agree(await this.#evaluate());
    const before = this.#progress.best;
    const better = this.#isEvaluated() ? betterFigure(this.#options, val, before) : undefined;
    const isBest = better !== undefined;
    const report = this.#report(val, isBest);
    this.#stepSchedule(val);
    const { epoch } = this.#progress;
    this.#progress = { ...this.#progress, epoch: epoch + 1, batch: 0, best: better ?? before };
    this.#means.clear();
    // Before the checkpoint: a log has every epoch that is saved, whenever the process is killed.
    this.#saves.tell((callbacks) => callbacks.onEpoch?.(report));
    const isSaved = this.#saves.save(this.#progress, isBest, epoch + 1 === this.#options.epochs);
    // The best is what there is a file of: a disk may be full for some time.
    if (!isSaved) this.#progress.best = before;
    return true;
  }

  /** Gives a sampler that ranks share the order of an epoch; one that goes on has it. */
  #order(epoch: number): void {
    if (this.#ordered !== epoch) distributedSamplerOf(this.#options.data)?.setEpoch(epoch);
    this.#ordered = epoch;
  }

  #stepSchedule(val: Figures | undefined): void {
    const { scheduler, schedulerStep = 'epoch' } = this.#options;
    if (scheduler === undefined || schedulerStep === 'step') return;
    if (!(scheduler instanceof lrScheduler.ReduceLROnPlateau)) {
      scheduler.step();
      return;
    }
    if (!this.#isEvaluated()) return;
    if (val?.loss !== undefined) scheduler.step(val.loss);
    else
      throw new TypeError('Expected a figure "loss" from Trainer evaluate for ReduceLROnPlateau, got none');
  }

  async #batches(signal: AbortSignal | undefined): Promise<boolean> {
    [this.#seconds, this.#dataSeconds, this.#pending] = [0, 0, 0];
    let began = performance.now();
    for await (const batch of this.#read()) {
      const waited = (performance.now() - began) / 1000;
      const { taken, samples, steps } = this.#take(batch);
      const shared = await this.#ranks.share(taken, samples, signal?.aborted ?? false);
      this.#means.add(shared.values, shared.samples);
      const values = Object.fromEntries(shared.values);
      const seconds = (performance.now() - began) / 1000;
      this.#seconds += seconds;
      this.#dataSeconds += waited;
      this.#tellStep(values, seconds, waited);
      if (steps && this.#isTimeToSave()) this.#saves.save(this.#progress, false, false);
      // Alone, a callback may have stopped the run just now.
      const stops = shared.stops || (this.#ranks.count === 1 && signal?.aborted);
      if (steps && stops) return false;
      began = performance.now();
    }
    if (this.#pending > 0) this.#step();
    if (this.#progress.batch > 0 || isSharedOut(this.#options.data)) return true;
    throw new TrainError('Expected batches from Trainer data, got none', { code: 'ERR_TRAIN_EMPTY' });
  }

  /** The data, whose failure loses nothing that was trained. */
  async *#read(): AsyncGenerator<Batch, void, undefined> {
    try {
      const warn = (message: string) => this.#saves.tell((callbacks) => callbacks.onWarning?.(message));
      yield* batchesOfAll(this.#options.data, this.#ranks, warn);
    } catch (error) {
      this.#saves.keep(this.#progress, this.#pending === 0);
      throw error;
    }
  }

  /** Adds a batch's gradients, and steps where they are those of enough batches. */
  #take(batch: Batch): { taken: Map<string, number>; samples: number; steps: boolean } {
    const { data, accumulate = 1 } = this.#options;
    // The last batches of an epoch may be fewer.
    const left = data.length === undefined ? accumulate : data.length - this.#progress.batch;
    if (this.#pending === 0) this.#together = Math.max(1, Math.min(accumulate, left));
    const samples = samplesIn(batch);
    const taken = this.#accumulate(batch, 1 / this.#together);
    this.#pending++;
    this.#progress.batch++;
    const steps = this.#pending >= this.#together;
    if (steps) this.#step();
    return { taken, samples, steps };
  }

  #accumulate(batch: Batch, share: number): Map<string, number> {
    try {
      return this.#train.accumulate(batch, share);
    } catch (error) {
      throw error instanceof TrainError ? this.#located(error) : error;
    } finally {
      disposeTensors(batch);
    }
  }

  /** Where batches were left out at the end of an epoch, a step has fewer than it was to have. */
  #step(): void {
    this.#train.step(this.#progress.step + 1, this.#together / this.#pending);
    this.#pending = 0;
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

  /** Whether the epoch under way ends with an evaluation. */
  #isEvaluated(): boolean {
    const { evaluateEvery = 1, epochs } = this.#options;
    const done = this.#progress.epoch + 1;
    return done % evaluateEvery === 0 || done === epochs;
  }

  async #evaluate(): Promise<Figures | undefined> {
    const { evaluate, model, ema } = this.#options;
    if (evaluate === undefined || !this.#isEvaluated()) return undefined;
    const measured: Module = ema?.module ?? model;
    await this.#ranks.alignBuffers(measured);
    measured.eval();
    return await evaluate(measured, this.#progress.epoch);
  }

  #report(val: Figures | undefined, isBest: boolean): EpochReport {
    const { epoch, step } = this.#progress;
    return {
      epoch,
      epochs: this.#options.epochs,
      step,
      lr: rateOf(this.#options),
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
      lr: rateOf(this.#options),
      seconds,
      dataSeconds,
    };
    this.#saves.tell((callbacks) => callbacks.onStep?.(report));
  }

  #located(error: TrainError): TrainError {
    const { epoch, batch } = this.#progress;
    const from = this.#saves.newest === undefined ? '' : `; ${this.#saves.newest} has the run before it`;
    return new TrainError(
      `Epoch ${epoch}, batch ${batch}: ${error.message}${from}; lower the learning rate, or clip gradients`,
      {
        code: error.code,
        path: this.#saves.newest,
      },
    );
  }

  #result(finished: boolean): FitResult {
    const { epoch, step, best } = this.#progress;
    return { finished, epoch, step, best, checkpoint: this.#saves.newest };
  }
}
