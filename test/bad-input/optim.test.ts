import { describe, expect, it, vi } from 'vitest';
import { isTensor, ones, optim, setNumThreads, type Tensor } from '../../lib/index.ts';
import { cases, optionsOf } from '../optim/optim-db.ts';
import { type GoodCall, Judge } from './judge.ts';

setNumThreads(1); // tensors of a few elements: threads would only wait for each other
vi.spyOn(process, 'emitWarning').mockReturnValue();
const judge = new Judge('optim');

const params = (): Tensor[] => [ones([2, 2]).requiresGrad_()];
const sgd = () => new optim.SGD(params(), { lr: 0.1, momentum: 0.9 });
/** What each schedule takes behind its optimizer, with its options. */
const calls: Record<string, unknown[]> = {
  LambdaLR: [() => 1, { lastEpoch: -1 }],
  MultiplicativeLR: [() => 1, { lastEpoch: -1 }],
  StepLR: [3, { gamma: 0.2, lastEpoch: -1 }],
  MultiStepLR: [[3, 5], { gamma: 0.2, lastEpoch: -1 }],
  ConstantLR: [{ factor: 0.5, totalIters: 3, lastEpoch: -1 }],
  LinearLR: [{ startFactor: 0.5, endFactor: 0.9, totalIters: 3, lastEpoch: -1 }],
  ExponentialLR: [0.9, { lastEpoch: -1 }],
  PolynomialLR: [{ totalIters: 3, power: 2, lastEpoch: -1 }],
  CosineAnnealingLR: [5, { etaMin: 0.01, lastEpoch: -1 }],
  CosineAnnealingWarmRestarts: [5, { tMult: 2, etaMin: 0.01, lastEpoch: -1 }],
  CyclicLR: [
    0.1,
    0.2,
    {
      stepSizeUp: 3,
      stepSizeDown: 4,
      mode: 'exp_range',
      gamma: 0.9,
      scaleMode: 'cycle',
      cycleMomentum: true,
      baseMomentum: 0.8,
      maxMomentum: 0.9,
      lastEpoch: -1,
    },
  ],
  OneCycleLR: [
    0.5,
    {
      totalSteps: 10,
      pctStart: 0.3,
      annealStrategy: 'linear',
      cycleMomentum: true,
      baseMomentum: 0.8,
      maxMomentum: 0.9,
      divFactor: 20,
      finalDivFactor: 100,
      threePhase: true,
      lastEpoch: -1,
    },
  ],
  ReduceLROnPlateau: [
    {
      mode: 'max',
      factor: 0.2,
      patience: 2,
      threshold: 0.1,
      thresholdMode: 'abs',
      cooldown: 1,
      minLr: 0.01,
      eps: 0.001,
    },
  ],
};
const lr = optim.lrScheduler as unknown as Record<string, new (...args: unknown[]) => unknown>;
/** Optimizers with the options of all of their cases. */
const options: Record<string, Record<string, unknown>> = {};
for (const one of cases) {
  const plain = Object.entries(optionsOf(one)).filter(([, value]) => !isTensor(value));
  options[one.optimizer] = { ...options[one.optimizer], ...Object.fromEntries(plain) };
}

// timm's, which torch's cases lack.
options.Lamb = {
  biasCorrection: true,
  betas: [0.9, 0.99],
  eps: 1e-6,
  weightDecay: 0.02,
  gradAveraging: true,
  maxGradNorm: 1,
  trustClip: false,
  alwaysAdapt: false,
  decoupledDecay: false,
};

const schedules: GoodCall[] = Object.entries(calls).map(([name, rest]) => ({
  name: `optim.lrScheduler.${name}`,
  args: [sgd(), ...rest],
  call: (...given: unknown[]) => Reflect.construct(lr[name] as (typeof lr)[string], given) as unknown,
}));
const optimizers: GoodCall[] = Object.entries(options).map(([name, given]) => ({
  name: `optim.${name}`,
  args: [params(), { ...given, lr: 0.1, ...(name === 'SGD' ? { dampening: 0 } : {}) }],
  call: (...all: unknown[]) => Reflect.construct(optim[name as 'SGD'], all) as unknown,
}));
const goods = [...schedules, ...optimizers];

/** Classes that are no optimizers or schedules of their own, with the reason. */
const OTHERS: Record<string, string> = {
  Optimizer: 'the base',
  LRScheduler: 'the base',
  Scheduler: 'the base',
  ChainedScheduler: 'takes schedules',
  SequentialLR: 'takes schedules',
};

describe('optimizers and schedules refuse bad input in words', () => {
  it('all of them', () => {
    const known = new Set([...Object.keys(OTHERS), ...goods.map(({ name }) => name.split('.').at(-1))]);
    const classes = Object.keys({ ...optim, ...optim.lrScheduler }).filter((name) => /^[A-Z]/.test(name));
    expect(classes.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(goods.map((good) => [good.name, good] as const))('%s', async (_, good) =>
    expect(await judge.complaints(good)).toEqual([]),
  );
});
