import { Module, type Parameter } from '../nn/index.ts';
import {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  type AnyOptimizer,
  ASGD,
  Lamb,
  lrScheduler,
  NAdam,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
} from '../optim/index.ts';
import { checkOptionsObject, checkPositions, describeValue } from '../options.ts';
import { STEPWISE } from './config/options.ts';
import type { TrainConfig } from './config/presets.ts';
import type { AnyScheduler } from './run/trainer-options.ts';

type Recipe = Pick<
  TrainConfig,
  'optimizer' | 'lr' | 'momentum' | 'nesterov' | 'weightDecay' | 'normWeightDecay'
>;
type Group = { params: Parameter[]; weightDecay?: number };

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
    adafactor: (groups, { lr }) => new Adafactor(groups, { lr }),
    asgd: (groups, { lr }) => new ASGD(groups, { lr }),
    rprop: (groups, { lr }) => new Rprop(groups, { lr }),
    lamb: (groups, { lr }) => new Lamb(groups, { lr }),
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
  if (!(model instanceof Module))
    throw new TypeError(`Expected a Module for optimizerOf, got ${describeValue(model)}`);
  checkOptionsObject('optimizerOf recipe', recipe ?? null);
  const params = [...model.parameters()].filter(({ requiresGrad }) => requiresGrad);
  if (params.length === 0)
    throw new RangeError('Expected parameters that --freeze leaves to train, got none; freeze fewer');
  return MAKERS[recipe.optimizer](groupsOf(params, recipe), recipe);
}

/** Norms and biases, which have one dimension, may have a weight decay of their own. */
function groupsOf(params: Parameter[], { optimizer, weightDecay, normWeightDecay }: Recipe): Group[] {
  if (optimizer === 'rprop') return [{ params }]; // it looks at the signs of gradients alone
  if (normWeightDecay === undefined) return [{ params, weightDecay }];
  const isNorm = ({ shape }: Parameter) => shape.length <= 1;
  const groups = [
    { params: params.filter((parameter) => !isNorm(parameter)), weightDecay },
    { params: params.filter(isNorm), weightDecay: normWeightDecay },
  ];
  return groups.filter((group) => group.params.length > 0);
}

type Plan = Pick<
  TrainConfig,
  | 'scheduler'
  | 'schedule'
  | 'gamma'
  | 'stepSize'
  | 'cycleEpochs'
  | 'cycleMult'
  | 'pctStart'
  | 'epochs'
  | 'warmupEpochs'
  | 'minLr'
  | 'power'
  | 'patience'
  | 'lr'
> & {
  /** Steps of the optimizer in an epoch; onecycle and cyclic need them, whose `step()` follows each. */
  readonly stepsPerEpoch?: number;
};

/**
 * The rate's schedule, in epochs (onecycle and cyclic: in steps): a linear beginning from a hundredth, where one is asked for, then the rest.
 *
 * @throws RangeError where the beginning leaves no epoch, or the rest needs figures, which nothing can precede
 */
export function scheduleOf(optimizer: AnyOptimizer, plan: Plan): AnyScheduler {
  checkPositions('scheduleOf', arguments, 2);
  checkOptionsObject('scheduleOf plan', plan ?? null);
  const { warmupEpochs: warmup, epochs, scheduler } = plan;
  const isAlone = scheduler === 'plateau' || STEPWISE.includes(scheduler);
  if (isAlone && warmup > 0)
    throw new RangeError(
      `Expected no warmupEpochs beside scheduler ${scheduler}, got ${warmup}; leave one out`,
    );
  if (isAlone) return scheduler === 'plateau' ? plateau(optimizer, plan) : stepwise(optimizer, plan);
  if (warmup === 0) return mainSchedule(optimizer, plan, 0);
  if (warmup >= epochs)
    throw new RangeError(`Expected fewer --warmup-epochs than --epochs ${epochs}, got ${warmup}`);
  const rising = new lrScheduler.LinearLR(optimizer, { startFactor: 0.01, totalIters: warmup });
  return new lrScheduler.SequentialLR(optimizer, [rising, mainSchedule(optimizer, plan, warmup)], [warmup]);
}

/** By the loss in evaluation. */
function plateau(optimizer: AnyOptimizer, { gamma, patience, minLr }: Plan): lrScheduler.ReduceLROnPlateau {
  return new lrScheduler.ReduceLROnPlateau(optimizer, { factor: gamma, patience, minLr });
}

/** Up and down within the run, or within some epochs, step by step. */
function stepwise(optimizer: AnyOptimizer, plan: Plan): lrScheduler.LRScheduler {
  const { scheduler, lr, epochs, pctStart, minLr, cycleEpochs, stepsPerEpoch } = plan;
  if (!(Number.isSafeInteger(stepsPerEpoch) && (stepsPerEpoch as number) > 0))
    throw new RangeError(
      `Expected a positive integer for scheduleOf plan.stepsPerEpoch beside scheduler ${scheduler}, got ${describeValue(stepsPerEpoch)}`,
    );
  const steps = stepsPerEpoch as number;
  const cycleMomentum = ['momentum', 'betas'].some((name) => name in optimizer.defaults);
  if (scheduler === 'onecycle')
    return new lrScheduler.OneCycleLR(optimizer, lr, { totalSteps: epochs * steps, pctStart, cycleMomentum });
  const stepSizeUp = (cycleEpochs * steps) / 2;
  return new lrScheduler.CyclicLR(optimizer, minLr, lr, { stepSizeUp, cycleMomentum });
}

function mainSchedule(optimizer: AnyOptimizer, plan: Plan, from: number): lrScheduler.LRScheduler {
  const { scheduler, schedule, gamma, epochs, minLr, power, stepSize, cycleEpochs, cycleMult } = plan;
  switch (scheduler) {
    case 'step':
      return new lrScheduler.StepLR(optimizer, stepSize, { gamma });
    case 'warmrestarts':
      return new lrScheduler.CosineAnnealingWarmRestarts(optimizer, cycleEpochs, {
        tMult: cycleMult,
        etaMin: minLr,
      });
    case 'cosine':
      return new lrScheduler.CosineAnnealingLR(optimizer, epochs - from, { etaMin: minLr });
    case 'exponential':
      return new lrScheduler.ExponentialLR(optimizer, gamma);
    case 'polynomial':
      return new lrScheduler.PolynomialLR(optimizer, { totalIters: epochs - from, power });
    case 'constant':
      return new lrScheduler.ConstantLR(optimizer, { factor: 1 });
    default: {
      const milestones = schedule.map((epoch) => Math.max(0, epoch - from));
      return new lrScheduler.MultiStepLR(optimizer, milestones, { gamma });
    }
  }
}
