import type { Module, Parameter } from '../nn/index.ts';
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  type AnyOptimizer,
  lrScheduler,
  NAdam,
  RAdam,
  RMSprop,
  SGD,
} from '../optim/index.ts';
import { checkPositions } from '../options.ts';
import type { TrainConfig } from './config/presets.ts';

type Recipe = Pick<
  TrainConfig,
  'optimizer' | 'lr' | 'momentum' | 'nesterov' | 'weightDecay' | 'normWeightDecay'
>;
type Group = { params: Parameter[]; weightDecay: number };

const MAKERS: Readonly<Record<TrainConfig['optimizer'], (groups: Group[], recipe: Recipe) => AnyOptimizer>> =
  {
    sgd: (groups, { lr, momentum, nesterov = false }) => new SGD(groups, { lr, momentum, nesterov }),
    rmsprop: (groups, { lr, momentum }) => new RMSprop(groups, { lr, momentum }),
    adam: (groups, { lr }) => new Adam(groups, { lr }),
    adamw: (groups, { lr }) => new AdamW(groups, { lr }),
    nadam: (groups, { lr }) => new NAdam(groups, { lr }),
    radam: (groups, { lr }) => new RAdam(groups, { lr }),
    adamax: (groups, { lr }) => new Adamax(groups, { lr }),
    adagrad: (groups, { lr }) => new Adagrad(groups, { lr }),
    adadelta: (groups, { lr }) => new Adadelta(groups, { lr }),
  };

/**
 * The optimizer of a run, for the parameters that are not frozen.
 *
 * @throws RangeError where none is left to train
 * @example
 * const linear = new nn.Linear(8, 2);
 * const optimizer = train.optimizerOf(linear, await train.resolveConfig({ values: { lr: 0.05 } }));
 */
export function optimizerOf(model: Module, recipe: Recipe): AnyOptimizer {
  checkPositions('optimizerOf', arguments, 2);
  const params = [...model.parameters()].filter(({ requiresGrad }) => requiresGrad);
  if (params.length === 0)
    throw new RangeError('Expected parameters that --freeze leaves to train, got none; freeze fewer');
  return MAKERS[recipe.optimizer](groupsOf(params, recipe), recipe);
}

/** Norms and biases, which have one dimension, may have a weight decay of their own. */
function groupsOf(params: Parameter[], { weightDecay, normWeightDecay }: Recipe): Group[] {
  if (normWeightDecay === undefined) return [{ params, weightDecay }];
  const isNorm = ({ shape }: Parameter) => shape.length <= 1;
  const groups = [
    { params: params.filter((parameter) => !isNorm(parameter)), weightDecay },
    { params: params.filter(isNorm), weightDecay: normWeightDecay },
  ];
  return groups.filter((group) => group.params.length > 0);
}

type Plan = Pick<TrainConfig, 'scheduler' | 'schedule' | 'gamma' | 'epochs' | 'warmupEpochs' | 'minLr'>;

/**
 * The rate's schedule, in epochs: a linear beginning from a hundredth, where one is asked for, then the rest.
 *
 * @throws RangeError where the beginning leaves no epoch
 */
export function scheduleOf(
  optimizer: AnyOptimizer,
  plan: Plan,
): lrScheduler.LRScheduler | lrScheduler.SequentialLR {
  checkPositions('scheduleOf', arguments, 2);
  const { warmupEpochs: warmup, epochs } = plan;
  if (warmup === 0) return mainSchedule(optimizer, plan, 0);
  if (warmup >= epochs)
    throw new RangeError(`Expected fewer --warmup-epochs than --epochs ${epochs}, got ${warmup}`);
  const rising = new lrScheduler.LinearLR(optimizer, { startFactor: 0.01, totalIters: warmup });
  return new lrScheduler.SequentialLR(optimizer, [rising, mainSchedule(optimizer, plan, warmup)], [warmup]);
}

function mainSchedule(optimizer: AnyOptimizer, plan: Plan, from: number) {
  const { scheduler, schedule, gamma, epochs, minLr } = plan;
  if (scheduler === 'cosine')
    return new lrScheduler.CosineAnnealingLR(optimizer, epochs - from, { etaMin: minLr });
  const milestones = schedule.map((epoch) => Math.max(0, epoch - from));
  return new lrScheduler.MultiStepLR(optimizer, milestones, { gamma });
}
