import { afterEach, describe } from 'vitest';
import { amp, autograd, nn, optim, randn, type Tensor, utils } from '../../lib/index.ts';
import { refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

type Call = GoodCall['call'];

const { forwardAd, functional } = autograd;

const x = randn([2, 2], { dtype: 'float64', requiresGrad: true });
const y = randn([2, 2], { dtype: 'float64' });
const cube = (it: Tensor): Tensor => it.pow(3);
const total = (it: Tensor): Tensor => it.pow(3).sum();
const functionalOptions = { createGraph: false, strict: false };
const checks = {
  eps: 1e-6,
  atol: 1e-4,
  rtol: 1e-3,
  raiseException: true,
  nondetTol: 0.1,
  checkUndefinedGrad: true,
  checkGradDtypes: false,
};

/** An op that hands its gradient on. */
class Same extends autograd.Function {
  static forward(_ctx: autograd.FunctionCtx, input: Tensor): Tensor {
    return input.viewAs(input);
  }
  static backward(_ctx: autograd.FunctionCtx, gradOutput: Tensor): Tensor {
    return gradOutput;
  }
}
/** What a forward calls on its context. */
const onContext =
  (use: (ctx: autograd.FunctionCtx, ...rest: never[]) => void): Call =>
  (...given: unknown[]) => {
    class Used extends Same {
      static override forward(ctx: autograd.FunctionCtx, input: Tensor): Tensor {
        Reflect.apply(use, undefined, [ctx, ...given]);
        return input.viewAs(input);
      }
    }
    return Used.apply(x);
  };

const calls: Record<string, [args: unknown[], call?: Call]> = {
  'autograd.backward': [[[x], [y], { retainGraph: true, createGraph: true }]],
  'autograd.detectAnomaly': [[() => 1, { checkNan: false }]],
  'autograd.enableGrad': [[() => 1]],
  'autograd.grad': [
    [[x], [x], { gradOutputs: [y], retainGraph: true, createGraph: true, allowUnused: true }],
  ],
  'autograd.inferenceMode': [[() => 1]],
  'autograd.noGrad': [[() => 1]],
  'autograd.setDetectAnomaly': [[false, { checkNan: true }]],
  'autograd.setGradEnabled': [[true]],
  'autograd.Function': [[x], (...given: unknown[]) => Reflect.apply(Same.apply, Same, given)],
  'autograd.FunctionCtx.saveForBackward': [[y, y], onContext((ctx, ...them) => ctx.saveForBackward(...them))],
  'autograd.FunctionCtx.markNonDifferentiable': [
    [y, y],
    onContext((ctx, ...them) => ctx.markNonDifferentiable(...them)),
  ],
  'autograd.FunctionCtx.setMaterializeGrads': [
    [false],
    onContext((ctx, ...them) => Reflect.apply(ctx.setMaterializeGrads, ctx, them)),
  ],
  'autograd.functional.jacobian': [[cube, x, functionalOptions]],
  'autograd.functional.hessian': [[total, x, functionalOptions]],
  'autograd.functional.jacobian, by forward mode': [
    [cube, x, { vectorize: true, strategy: 'forward-mode' }],
    functional.jacobian as Call,
  ],
  'autograd.functional.hessian, of a batch': [
    [total, x, { vectorize: true, outerJacobianStrategy: 'reverse-mode' }],
    functional.hessian as Call,
  ],
  'autograd.functional.vhp': [[total, x, y, functionalOptions]],
  'autograd.functional.hvp': [[total, x, y, functionalOptions]],
  'autograd.functional.vjp': [[cube, x, y, functionalOptions]],
  'autograd.functional.jvp': [[cube, x, y, functionalOptions]],
  'autograd.forwardAd.enterDualLevel': [
    [],
    (...given: unknown[]) => {
      Reflect.apply(forwardAd.enterDualLevel, undefined, given);
      forwardAd.exitDualLevel();
    },
  ],
  'autograd.forwardAd.dualLevel': [[() => 1]],
  'autograd.forwardAd.makeDual': [
    [y, y],
    (...given: unknown[]) => forwardAd.dualLevel(() => Reflect.apply(forwardAd.makeDual, undefined, given)),
  ],
  'autograd.forwardAd.unpackDual': [
    [y],
    (...given: unknown[]) => forwardAd.dualLevel(() => Reflect.apply(forwardAd.unpackDual, undefined, given)),
  ],
  'autograd.gradcheck': [[cube, [x], checks]],
  'autograd.gradgradcheck': [[cube, [x], [y.clone()], { ...checks, genNonContigGradOutputs: true }]],
  'autograd.graph.savedTensorsHooks': [[(it: Tensor) => it, (it: Tensor) => it, () => total(x)]],
  'autograd.graph.saveOnCpu': [[() => total(x), { pinMemory: false }]],
  'autograd.onceDifferentiable': [[() => null]],
};

const OTHERS: Record<string, string> = {
  'autograd.isAnomalyEnabled': 'takes nothing',
  'autograd.forwardAd.exitDualLevel': 'takes nothing',
  'autograd.FunctionCtx': 'made for a call; its methods are called here',
  'autograd.GradcheckError': 'an error, which the package makes',
};

describe('autograd refuses bad input in words', () => {
  afterEach(() => {
    autograd.setDetectAnomaly(false);
    autograd.setGradEnabled(true);
  });
  const find = (name: string): unknown =>
    name
      .split('.')
      .slice(1)
      .reduce<object>((space, key) => Reflect.get(space, key) as object, autograd);
  const goods = Object.entries(calls).map(([name, [args, call]]) => {
    return { name, args, call: call ?? (find(name) as Call) };
  });
  const names = exportsOf(autograd as unknown as Record<string, unknown>, 'autograd.');
  refusesBadInput('autograd', goods, names, OTHERS);
});

const layer = new nn.Linear(2, 2, { dtype: 'float64' });
const layers = [layer, layer].map((one) => (it: Tensor) => one.forward(it));
const options = { useReentrant: false, preserveRngState: true, determinismCheck: 'default', earlyStop: true };
const scaler = (): amp.GradScaler => new amp.GradScaler('cpu', { initScale: 8 });
const stepped = (): [amp.GradScaler, optim.Optimizer] => {
  const [made, parameter] = [scaler(), randn([2]).requiresGrad_()];
  made.scale(parameter.sum()).backward();
  return [made, new optim.SGD([parameter], { lr: 0.1 })];
};

/** A method of a scaler that has scaled a loss, given its optimizer where it takes one. */
const ofScaler =
  (
    method: keyof amp.GradScaler,
    before: (made: amp.GradScaler, sgd: optim.Optimizer) => void = () => {},
  ): Call =>
  (...given: unknown[]) => {
    const [made, sgd] = stepped();
    before(made, sgd);
    const args = given.map((item) => (item instanceof optim.Optimizer ? sgd : item));
    return Reflect.apply(made[method] as Call, made, args) as unknown;
  };
const state = scaler().stateDict();

const others: Record<string, [args: unknown[], call: Call]> = {
  'utils.checkpoint.checkpoint': [[cube, x, options], utils.checkpoint.checkpoint as Call],
  'utils.checkpoint.checkpointSequential': [
    [layers, 2, x, options],
    utils.checkpoint.checkpointSequential as Call,
  ],
  'amp.autocast': [['cpu', { dtype: 'bfloat16', enabled: true, cacheEnabled: true }, () => 1], amp.autocast],
  'amp.isAutocastAvailable': [['cpu'], amp.isAutocastAvailable],
  'amp.isAutocastEnabled': [['cpu'], amp.isAutocastEnabled],
  'amp.getAutocastDtype': [['cpu'], amp.getAutocastDtype],
  'amp.GradScaler': [
    ['cpu', { initScale: 8, growthFactor: 2, backoffFactor: 0.5, growthInterval: 20, enabled: true }],
    (...given: unknown[]) => (Reflect.construct(amp.GradScaler, given) as amp.GradScaler).scale(randn([2])),
  ],
  'amp.GradScaler.scale': [[randn([2])], ofScaler('scale')],
  'amp.GradScaler.unscale_': [[stepped()[1]], ofScaler('unscale_')],
  'amp.GradScaler.step': [[stepped()[1]], ofScaler('step')],
  'amp.GradScaler.update': [[4], ofScaler('update', (made, sgd) => made.step(sgd))],
  'amp.GradScaler.setGrowthFactor': [[2.5], ofScaler('setGrowthFactor')],
  'amp.GradScaler.setBackoffFactor': [[0.25], ofScaler('setBackoffFactor')],
  'amp.GradScaler.setGrowthInterval': [[25], ofScaler('setGrowthInterval')],
  'amp.GradScaler.loadStateDict': [[state], ofScaler('loadStateDict')],
};

const TAKE_NOTHING: Record<string, string> = {
  'amp.clearAutocastCache': 'takes nothing',
  'amp.isAutocastCacheEnabled': 'takes nothing',
};

describe('amp and activation checkpoints refuse bad input in words', () => {
  const goods = Object.entries(others).map(([name, [args, call]]) => ({ name, args, call }));
  const names = [
    ...exportsOf(amp as unknown as Record<string, unknown>, 'amp.'),
    ...exportsOf(utils as unknown as Record<string, unknown>, 'utils.'),
  ];
  refusesBadInput('amp', goods, names, TAKE_NOTHING);
});
