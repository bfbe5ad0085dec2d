import type { Parameter } from '../../nn/index.ts';
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
} from '../../optim/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import type { TrainOptions } from './train.ts';

type Recipe = Pick<
  TrainOptions,
  'optimizer' | 'lr' | 'momentum' | 'nesterov' | 'weightDecay' | 'normWeightDecay'
>;
type Group = { params: Parameter[]; weightDecay: number };

const MAKERS: Readonly<Record<string, (groups: Group[], recipe: Recipe) => AnyOptimizer>> = {
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

/** The optimizer of a run, for the parameters that are not frozen. */
export function runOptimizer(model: ImageNetwork, recipe: Recipe): AnyOptimizer {
  const params = [...model.parameters()].filter(({ requiresGrad }) => requiresGrad);
  if (params.length === 0)
    throw new RangeError('Expected parameters that --freeze leaves to train, got none; freeze fewer');
  const make = MAKERS[recipe.optimizer] as (groups: Group[], recipe: Recipe) => AnyOptimizer;
  return make(groupsOf(params, recipe), recipe);
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

type Plan = Pick<TrainOptions, 'scheduler' | 'schedule' | 'gamma' | 'epochs' | 'warmupEpochs' | 'minLr'>;

/** The rate's schedule, in epochs: a linear beginning from a hundredth, where one is asked for, then the rest. */
export function runSchedule(optimizer: AnyOptimizer, plan: Plan) {
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
