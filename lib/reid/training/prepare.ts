import { mkdirSync } from 'node:fs';
import { getRank, getWorldSize, isInitialized } from '../../distributed/index.ts';
import { type Module, parallel } from '../../nn/index.ts';
import { swaUtils } from '../../optim/index.ts';
import { manualSeed } from '../../tensor/index.ts';
import { type Callbacks, Trainer } from '../../train/index.ts';
import { type ReidData, type TrainingSet, trainingSet } from '../data/index.ts';
import { CenterLoss } from '../losses/index.ts';
import type { ReIDModel } from '../models/load.ts';
import type { LoadedReID } from '../models/loaded.ts';
import { EpochOrder, itersPerEpoch, type Part } from './epoch-order.ts';
import { figuresOf, type ReidTestSet } from './figures.ts';
import { FrozenParts } from './frozen.ts';
import { trainLoader } from './images.ts';
import { lossOf, type ReidBatch } from './losses.ts';
import { buildNetwork } from './network.ts';
import type { ReidTrainConfig } from './presets.ts';
import { PublishedFiles } from './published-files.ts';
import { beforeStepOf, optimizersOf, scheduleOf } from './solver.ts';

/** What a run is given beside its options. */
export interface RunInputs {
  readonly train: readonly ReidData[];
  readonly test: readonly ReidTestSet[];
  /** Whether it goes on from a checkpoint: what it began with is not read again. */
  readonly goesOn?: boolean;
  readonly callbacks?: readonly Callbacks[];
  /** Saved beside the rest. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal | undefined;
}

/** A run that is ready. */
export interface ReidRun {
  readonly trainer: Trainer<ReidBatch>;
  /** The network, with how its images are prepared. */
  readonly loaded: LoadedReID<ReIDModel>;
  readonly trainingSet: TrainingSet;
  /** Batches of an epoch. */
  readonly batches: number;
}

/** Builds all parts of a run: images, network, losses, optimizers, schedule, and the trainer that runs them. */
export async function prepareRun(config: ReidTrainConfig, inputs: RunInputs): Promise<ReidRun> {
  const { train, test, goesOn = false, callbacks = [], signal } = inputs;
  const set = trainingSet(train, trainingSetOptions(config));
  const part = ownPart();
  const order = new EpochOrder(set, config, part);
  if (config.seed !== undefined) manualSeed(config.seed);
  const loaded = await buildNetwork(config, set.numClasses, goesOn);
  const { model, layout } = loaded;
  model.to(config.device).train();
  const centers = centersFor(config, set.numClasses, model, part);
  const frozen = new FrozenParts(model, config);
  const { optimizer, scheduled } = optimizersOf(model, centers, config);
  const loss = lossOf(config, set.numClasses, centers);
  const undoWeight = beforeStepOf(centers, config);
  const ema = config.ema === undefined ? undefined : averageOf(model, config.ema);
  const ddp = part.worldSize > 1 ? await distribute(model) : undefined;
  const { output, epochs, accumulate, clipGradNorm, amp, device, emaSteps, saveEvery, keepLast, evalEvery } =
    config;
  if (output !== undefined) mkdirSync(output, { recursive: true });
  const warn = (message: string) => {
    for (const { onWarning } of callbacks) onWarning?.(message);
  };
  const trainer = new Trainer<ReidBatch>({
    ...{
      model,
      ddp,
      optimizer,
      epochs,
      accumulate,
      clipGradNorm,
      amp,
      device,
      ema,
      emaSteps,
      output,
      saveEvery,
      keepLast,
    },
    ...scheduleOf(scheduled, config, itersPerEpoch(set.images.length, config.batchSize, part)),
    ...(centers === undefined ? {} : { parts: { center_param: centers } }),
    data: trainLoader(set, order, layout, config),
    loss: (batch, called) => {
      frozen.prepare();
      return loss(batch, called);
    },
    beforeStep: () => {
      frozen.beforeStep();
      undoWeight();
    },
    ...(test.length === 0 ? {} : { best: { figure: 'mAP' } }),
    ...(test.length === 0
      ? {}
      : { evaluate: (measured) => figuresOf(measured, loaded, test, config, signal) }),
    evaluateEvery: evalEvery,
    extra: { ...inputs.extra },
    callbacks: [
      { onEpochBegin: (epoch) => order.begin(epoch) },
      frozen,
      ...callbacks,
      ...(output === undefined || part.rank > 0
        ? []
        : [new PublishedFiles(output, layout, ema?.module ?? model, warn)]),
    ],
  });
  return { trainer, loaded, trainingSet: set, batches: order.length / config.batchSize };
}

/** Labels count up as in the published code of the network. */
function trainingSetOptions({ model, combineAll = false }: ReidTrainConfig) {
  return { order: model.startsWith('fast-reid/') ? ('text' as const) : ('number' as const), combineAll };
}

function ownPart(): Part {
  return isInitialized() ? { rank: getRank(), worldSize: getWorldSize() } : { rank: 0, worldSize: 1 };
}

function centersFor(
  { centerWeight, device }: ReidTrainConfig,
  numClasses: number,
  model: ReIDModel,
  { worldSize }: Part,
): CenterLoss | undefined {
  if (centerWeight === 0) return undefined;
  if (worldSize > 1) {
    throw new RangeError(
      `Expected one rank for the center loss, whose centers are not shared, got ${worldSize}; pass centerWeight 0`,
    );
  }
  const centers = new CenterLoss(numClasses, model.featDim);
  centers.to(device);
  return centers;
}

/** ImageNet's classifier in reid-strong-baseline's IBN networks, which nothing calls, has no gradient to share. */
async function distribute(model: Module): Promise<parallel.DistributedDataParallel> {
  for (const [name, parameter] of model.namedParameters())
    if (name.startsWith('base.fc.')) parameter.requiresGrad = false;
  return await parallel.DistributedDataParallel.create(model);
}

function averageOf(model: Module, decay: number): swaUtils.AveragedModel {
  return new swaUtils.AveragedModel(model, {
    multiAvgFn: swaUtils.getEmaMultiAvgFn(decay),
    useBuffers: true,
  });
}
