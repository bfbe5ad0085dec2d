import { Module, parallel } from '../../nn/index.ts';
import { type AnyOptimizer, Optimizer } from '../../optim/index.ts';
import { AveragedModel } from '../../optim/swa-utils/index.ts';
import { checkFlag, checkOptions, describeValue } from '../../options.ts';
import type { Device, Tensor } from '../../tensor/index.ts';
import { deviceOrDtype } from '../../tensor/to-options.ts';

/** What a loss function gives: the loss, and whatever else is to be logged as a mean. */
export type LossResult = Tensor | { readonly loss: Tensor; readonly [log: string]: Tensor | number };

/** The batches of an epoch, anew each time: a `DataLoader`, or anything iterable. */
export type Batches<Batch> = (AsyncIterable<Batch> | Iterable<Batch>) & {
  /** How many there are, where that is known. */
  readonly length?: number;
};

/** A schedule of torch's. */
export interface AnyScheduler {
  step(metric?: number): void;
  stateDict(): Record<string, unknown>;
  loadStateDict(state: never): void;
}

/** Figures of an evaluation by name. */
export type Figures = Readonly<Record<string, number>>;

/** How a batch went. */
export interface StepReport {
  /** From 0. */
  readonly epoch: number;
  /** Batches of the epoch so far, and all of them where that is known. */
  readonly batch: number;
  readonly batches: number | undefined;
  /** Steps of the optimizer since the beginning of the run. */
  readonly step: number;
  /** What the loss function gave. */
  readonly values: Figures;
  /** Means over the epoch so far. */
  readonly means: Figures;
  readonly lr: number;
  /** Seconds of this batch, and those of them in which it was waited for. */
  readonly seconds: number;
  readonly dataSeconds: number;
}

/** How an epoch went. */
export interface EpochReport {
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly lr: number;
  /** Means of what the loss function gave. */
  readonly train: Figures;
  /** What `evaluate` gave; undefined without it. */
  readonly val: Figures | undefined;
  /** Whether it is the best so far. */
  readonly isBest: boolean;
  readonly seconds: number;
  readonly dataSeconds: number;
}

/** What is told of a run. A callback that throws ends it. */
export interface Callbacks {
  /** An epoch, counted from 0, begins, or is gone on with; before its first batch is read. */
  onEpochBegin?(epoch: number): void;
  onStep?(report: StepReport): void;
  onEpoch?(report: EpochReport): void;
  /** A checkpoint was written. */
  onSave?(path: string): void;
  /** The run goes on from a file. */
  onResume?(path: string, epoch: number, batch: number, step: number): void;
  /** Something is not as it should be, and the run goes on. */
  onWarning?(message: string): void;
}

/** Options of `Trainer`. */
export interface TrainerOptions<Batch> {
  model: Module;
  /** One, or several by name: their states are saved under `optimizer`. */
  optimizer: AnyOptimizer | Readonly<Record<string, AnyOptimizer>>;
  /**
   * The model over several ranks, its `module` being `model`: `loss` gets it in the model's place, values are means over all
   * ranks, rank 0 writes checkpoints and its figures count, and a signal to any rank stops all. A `DistributedSampler` of
   * the data gets each epoch; all ranks have the same number of batches and the same random numbers (`manualSeed`).
   */
  ddp?: parallel.DistributedDataParallel | undefined;
  data: Batches<Batch>;
  /** Computes the loss of a batch; its gradients are taken of what it returns. Must be synchronous. */
  loss(batch: Batch, model: Module): LossResult;
  epochs: number;
  scheduler?: AnyScheduler | undefined;
  /** Whether the scheduler's `step()` follows each epoch (default) or each step of the optimizer. */
  schedulerStep?: 'epoch' | 'step';
  /** Figures of a model, in evaluation mode, after each epoch. With `ema` the model is the average. */
  evaluate?(model: Module, epoch: number): Promise<Figures> | Figures;
  /** Epochs between two evaluations; the last epoch has one too. Default 1. */
  evaluateEvery?: number;
  /** Which figure of `evaluate` tells the best epoch, and whether more is better. */
  best?: { readonly figure: string; readonly mode?: 'max' | 'min' } | undefined;
  /** Modules beside the model that learn too, such as the centers of a loss; saved under their names. */
  parts?: Readonly<Record<string, Module>>;
  /** Batches whose gradients make one step. Default 1. */
  accumulate?: number;
  /** The largest norm of all gradients together. */
  clipGradNorm?: number | undefined;
  /** Runs after the gradients are there and before the optimizers' steps. */
  beforeStep?(): void;
  /** Mixed precision: what autocast computes in. float16 comes with a `GradScaler`. */
  amp?: 'bfloat16' | 'float16' | undefined;
  /** Norms as one op each on the CPU, faster and equal within rounding: `nn.utils.fuseNorms(model)`. Default false. */
  fuseNorms?: boolean;
  /** Where the model is, for `amp`. Default 'cpu'. */
  device?: Device;
  /** An average of the model, updated after each step (see `emaSteps`); evaluated and saved in its place under `ema`. */
  ema?: AveragedModel | undefined;
  /** Steps between two updates of `ema`. Default 1. */
  emaSteps?: number;
  /** The folder for checkpoints. Default: none are written. */
  output?: string | undefined;
  /** Checkpoints that are kept besides the best. Default 2: if the newest is damaged, there is one more. */
  keepLast?: number;
  /** Steps between checkpoints within an epoch. Default: only at the end of each. */
  saveEvery?: number | undefined;
  /** Saved in each checkpoint beside the rest: `arch`, `args`, `classes`. */
  extra?: Readonly<Record<string, unknown>>;
  callbacks?: Callbacks | readonly Callbacks[];
}

const OPTIONS = [
  'model',
  'ddp',
  'optimizer',
  'data',
  'loss',
  'epochs',
  'scheduler',
  'schedulerStep',
  'evaluate',
  'evaluateEvery',
  'best',
  'parts',
  'accumulate',
  'clipGradNorm',
  'beforeStep',
  'amp',
  'fuseNorms',
  'device',
  'ema',
  'emaSteps',
  'output',
  'keepLast',
  'saveEvery',
  'extra',
  'callbacks',
];

/** Refuses what a run could only fail of later. */
export function checkTrainerOptions<Batch>(options: TrainerOptions<Batch>): void {
  checkOptions('Trainer', options, OPTIONS);
  const { model, data, loss, best, ema, evaluate } = options;
  demand(model instanceof Module, 'a Module', 'model', model);
  const { ddp } = options;
  const isDdp = ddp === undefined || ddp instanceof parallel.DistributedDataParallel;
  demand(isDdp, 'a DistributedDataParallel', 'ddp', ddp);
  if (ddp !== undefined && ddp.module !== model)
    throw new RangeError(
      'Expected the DistributedDataParallel of model for Trainer ddp, got that of another',
    );
  const optimizers = optimizersOf(options);
  demand(optimizers.length > 0, 'an Optimizer, or several by name', 'optimizer', options.optimizer);
  for (const [name, optimizer] of optimizers)
    demand(optimizer instanceof Optimizer, 'an Optimizer', `optimizer ${name}`, optimizer);
  demand(isIterable(data), 'an iterable of batches', 'data', data);
  demand(typeof loss === 'function', 'a function', 'loss', loss);
  demand(evaluate === undefined || typeof evaluate === 'function', 'a function', 'evaluate', evaluate);
  const { scheduler, beforeStep, device, extra, callbacks, parts } = options;
  demand(
    parts === undefined || (isRecord(parts) && Object.values(parts).every((part) => part instanceof Module)),
    'Modules by name',
    'parts',
    parts,
  );
  demand(scheduler === undefined || isScheduler(scheduler), 'a scheduler', 'scheduler', scheduler);
  demand(
    beforeStep === undefined || typeof beforeStep === 'function',
    'a function',
    'beforeStep',
    beforeStep,
  );
  demand(device === undefined || isDevice(device), 'a device such as "cpu"', 'device', device);
  demand(extra === undefined || isRecord(extra), 'an object', 'extra', extra);
  for (const one of [callbacks ?? []].flat())
    demand(isRecord(one), 'an object of functions, or several', 'callbacks', one);
  demand(ema === undefined || ema instanceof AveragedModel, 'an AveragedModel', 'ema', ema);
  for (const [name, least] of [
    ['epochs', 1],
    ['evaluateEvery', 1],
    ['accumulate', 1],
    ['emaSteps', 1],
    ['keepLast', 1],
    ['saveEvery', 1],
  ] as const) {
    const value = options[name];
    const isFine =
      (value === undefined && name !== 'epochs') || (Number.isInteger(value) && (value as number) >= least);
    if (!isFine)
      throw new RangeError(`Expected an integer of at least ${least} for Trainer ${name}, got ${value}`);
  }
  checkOneOf('schedulerStep', options.schedulerStep, ['epoch', 'step']);
  checkOneOf('amp', options.amp, ['bfloat16', 'float16']);
  if (options.fuseNorms !== undefined) checkFlag('Trainer fuseNorms', options.fuseNorms);
  const { clipGradNorm } = options;
  if (clipGradNorm !== undefined && !(clipGradNorm > 0))
    throw new RangeError(`Expected a positive number for Trainer clipGradNorm, got ${clipGradNorm}`);
  if (best === undefined) return;
  checkOptions('Trainer best', best, ['figure', 'mode']);
  checkOneOf('best.mode', best.mode, ['max', 'min']);
  if (evaluate === undefined)
    throw new RangeError(
      `Expected evaluate beside best for Trainer, got none; "${best.figure}" is one of its figures`,
    );
}

/** By name; the only one's name is empty. */
export function optimizersOf<Batch>({
  optimizer,
}: Pick<TrainerOptions<Batch>, 'optimizer'>): [name: string, optimizer: AnyOptimizer][] {
  if (optimizer instanceof Optimizer) return [['', optimizer as AnyOptimizer]];
  return typeof optimizer === 'object' && optimizer !== null ? Object.entries(optimizer) : [];
}

/** The rate of the first group of the first optimizer. */
export function rateOf<Batch>(options: Pick<TrainerOptions<Batch>, 'optimizer'>): number {
  const optimizer = optimizersOf(options)[0]?.[1] as
    | { readonly paramGroups: readonly { lr?: number }[] }
    | undefined;
  return Number(optimizer?.paramGroups[0]?.lr);
}

function demand(isFine: boolean, what: string, name: string, value: unknown): void {
  if (!isFine) throw new TypeError(`Expected ${what} for Trainer ${name}, got ${describeValue(value)}`);
}

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isDevice = (value: unknown): boolean =>
  typeof value === 'string' && 'device' in deviceOrDtype(value as Device);

const isScheduler = (value: unknown): boolean =>
  isRecord(value) && typeof (value as { step?: unknown }).step === 'function';

function checkOneOf(name: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw new RangeError(`Expected ${known.join(' or ')} for Trainer ${name}, got ${JSON.stringify(value)}`);
}

function isIterable(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}
