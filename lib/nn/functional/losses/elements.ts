import { describeValue } from '../../../options.ts';
import { isFloatingPoint, noGrad, ops, Tensor } from '../../../tensor/index.ts';
import { type Call, checkTensor, flag, maybeTensor, real, refuse, whole } from '../../arguments.ts';
import { type Reduction, reduced, reductionCode } from '../../sizes.ts';
import {
  type LegacyReduction,
  type LossPositions,
  LossSignature,
  type LossValues,
  legacy,
  reductions,
  type WeightedLossPositions,
} from './arguments.ts';
import { checkSameShape, warnOfShapes } from './checks.ts';

/** What every loss takes. */
export interface LossOptions extends LegacyReduction {
  /** `'none'` keeps a loss for each element. Default `'mean'`. */
  reduction?: Reduction;
}

/** Options of the losses that take a factor for each element, sample or class. */
export interface WeightedLossOptions extends LossOptions {
  weight?: Tensor | null;
}

/** The arguments of losses that take no others, of function and layer. */
export const LOSS = new LossSignature<LossOptions>({
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
});

/** The same, with a factor first. */
export const WEIGHTED_LOSS = new LossSignature<WeightedLossOptions>({
  weight: maybeTensor(),
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
});

/** The same, with the factor last. */
const LOSS_THEN_WEIGHT = new LossSignature<WeightedLossOptions>({
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
  weight: maybeTensor(),
});

type LossThenWeight = [...LossPositions, weight?: Tensor | null];

type ReducingOp = (x: Tensor, target: Tensor, reduction: number) => Tensor;

/** As torch, a target of another shape is broadcast, which a warning tells. */
function elementwise(name: string, x: Tensor, target: Tensor, reduction: Reduction, op: ReducingOp): Tensor {
  const code = reductionCode(name, reduction);
  if (!warnOfShapes(name, x, target)) return op(x, target, code);
  const [left, right] = ops.aten.broadcast_tensors([x, target]) as [Tensor, Tensor];
  return op(left, right, code);
}

/** The mean is over the weights' sum. */
function weighted(
  name: string,
  x: Tensor,
  target: Tensor,
  { weight, reduction }: LossValues<WeightedLossOptions>,
  op: ReducingOp,
): Tensor {
  if (weight === null) return elementwise(name, x, target, reduction, op);
  checkSameShape(name, 'weight', weight, x);
  const losses = elementwise(name, x, target, 'none', op).mul(weight);
  return reduction === 'mean' ? losses.sum().div(weight.sum()) : reduced(losses, reduction);
}

/** |x - target|, reduced; with a `weight` of the input's shape, the weighted mean. */
export function l1Loss(
  x: Tensor,
  target: Tensor,
  ...given: Call<LossThenWeight, WeightedLossOptions>
): Tensor {
  return weighted('l1Loss', x, target, LOSS_THEN_WEIGHT.read('l1Loss', given), ops.aten.l1_loss);
}

/**
 * (x - target) squared, reduced; with a `weight` of the input's shape, the weighted mean.
 *
 * @example nn.functional.mseLoss(output, target).backward();
 */
export function mseLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<LossThenWeight, WeightedLossOptions>
): Tensor {
  return weighted('mseLoss', x, target, LOSS_THEN_WEIGHT.read('mseLoss', given), ops.aten.mse_loss);
}

/** Options of `smoothL1Loss`. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Default 1. */
  beta?: number;
}

/** The arguments of the smooth L1 loss, of function and layer. */
export const SMOOTH_L1_LOSS = new LossSignature<SmoothL1LossOptions>({
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
  beta: real(1),
});

/** What `smoothL1Loss` takes in order. */
export type SmoothL1LossPositions = [...LossPositions, beta?: number];

/** Squared below `beta` (default 1), linear above; with `beta: 0` the L1 loss. */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  ...given: Call<SmoothL1LossPositions, SmoothL1LossOptions>
): Tensor {
  const { reduction, beta } = SMOOTH_L1_LOSS.read('smoothL1Loss', given);
  return elementwise('smoothL1Loss', x, target, reduction, (a, b, code) =>
    beta === 0 ? ops.aten.l1_loss(a, b, code) : ops.aten.smooth_l1_loss(a, b, code, beta),
  );
}

/** Options of the Huber loss. */
export interface HuberLossOptions {
  /** `'none'` keeps a loss for each element. Default `'mean'`. */
  reduction?: Reduction;
  /** Default 1. */
  delta?: number;
}

type FunctionHuberOptions = HuberLossOptions & { weight?: Tensor | null };

const HUBER = { reduction: reductions(), delta: real(1) };

/** The arguments of the Huber loss's layer. */
export const HUBER_LOSS = new LossSignature<HuberLossOptions>(HUBER);

const WEIGHTED_HUBER_LOSS = new LossSignature<FunctionHuberOptions>({ ...HUBER, weight: maybeTensor() });

/** Squared below `delta` (default 1), linear with slope `delta` above. */
export function huberLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<[reduction?: Reduction, delta?: number, weight?: Tensor | null], FunctionHuberOptions>
): Tensor {
  const { reduction, delta, weight } = WEIGHTED_HUBER_LOSS.read('huberLoss', given);
  const op: ReducingOp = (a, b, code) => ops.aten.huber_loss(a, b, code, delta);
  if (weight === null) return elementwise('huberLoss', x, target, reduction, op);
  checkSameShape('huberLoss', 'weight', weight, x);
  return reduced(elementwise('huberLoss', x, target, 'none', op).mul(weight), reduction);
}

/** Binary cross-entropy of probabilities `x` and targets of its shape, both from 0 to 1. */
export function binaryCrossEntropy(
  x: Tensor,
  target: Tensor,
  ...given: Call<WeightedLossPositions, WeightedLossOptions>
): Tensor {
  const { weight, reduction } = WEIGHTED_LOSS.read('binaryCrossEntropy', given);
  const code = reductionCode('binaryCrossEntropy', reduction);
  checkSameShape('binaryCrossEntropy', 'target', target, x);
  if (weight !== null) checkTensor('binaryCrossEntropy', 'weight', weight);
  const factors = weight === null ? null : weight.expand(x.shape);
  return ops.aten.binary_cross_entropy(x, target, factors, code);
}

/** Options of `binaryCrossEntropyWithLogits`. */
export interface BceWithLogitsOptions extends WeightedLossOptions {
  /** A factor of the positive targets, one for each class. */
  posWeight?: Tensor | null;
}

/** What `binaryCrossEntropyWithLogits` takes in order. */
export type BceWithLogitsPositions = [...WeightedLossPositions, posWeight?: Tensor | null];

/** The arguments of the binary cross-entropy of logits, of function and layer. */
export const BCE_WITH_LOGITS = new LossSignature<BceWithLogitsOptions>({
  weight: maybeTensor(),
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
  posWeight: maybeTensor(),
});

/** The same of logits; `posWeight` is a factor of the positive targets, one for each class. */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  target: Tensor,
  ...given: Call<BceWithLogitsPositions, BceWithLogitsOptions>
): Tensor {
  const { weight, posWeight, reduction } = BCE_WITH_LOGITS.read('binaryCrossEntropyWithLogits', given);
  const code = reductionCode('binaryCrossEntropyWithLogits', reduction);
  checkSameShape('binaryCrossEntropyWithLogits', 'target', target, x);
  return ops.aten.binary_cross_entropy_with_logits(x, target, weight, posWeight, code);
}

/** Options of `klDiv`. */
export interface KlDivOptions extends LegacyReduction {
  /** `'batchmean'` divides by the batch size, as the definition does; `'mean'` (default) by the number of elements. */
  reduction?: Reduction | 'batchmean';
  /** The target is logarithms too. Default false. */
  logTarget?: boolean;
}

/** What `klDiv` takes in order. */
export type KlDivPositions = [
  sizeAverage?: boolean | null,
  reduce?: boolean | null,
  reduction?: Reduction | 'batchmean',
];

/** The arguments of the Kullback-Leibler divergence, of function and layer. */
export const KL_DIV = new LossSignature<KlDivOptions>({
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions('batchmean'),
  logTarget: flag(),
});

/** Kullback-Leibler divergence of log-probabilities `x` from target probabilities. */
export function klDiv(x: Tensor, target: Tensor, ...given: Call<KlDivPositions, KlDivOptions>): Tensor {
  const { reduction, logTarget } = KL_DIV.read('klDiv', given);
  const code = reductionCode('klDiv', reduction === 'batchmean' ? 'sum' : reduction);
  const loss = ops.aten.kl_div(x, target, code, { log_target: logTarget });
  return reduction === 'batchmean' && x.dim() !== 0 ? loss.div(x.shape[0] as number) : loss;
}

/** Options of `poissonNllLoss`. */
export interface PoissonNllLossOptions extends LossOptions {
  /** `x` is the logarithm of the rate. Default true. */
  logInput?: boolean;
  /** Add Stirling's approximation of the constant term. Default false. */
  full?: boolean;
  /** Added to the rate where `logInput` is false. Default 1e-8. */
  eps?: number;
}

/** The arguments of Poisson's negative log-likelihood, of function and layer: a switch is first. */
export const POISSON_NLL_LOSS = new LossSignature<PoissonNllLossOptions>(
  {
    logInput: flag(true),
    full: flag(),
    sizeAverage: legacy(),
    eps: real(1e-8),
    reduce: legacy(),
    reduction: reductions(),
  },
  [],
);

/** Negative log-likelihood of counts under a Poisson distribution. */
export function poissonNllLoss(x: Tensor, target: Tensor, options: PoissonNllLossOptions = {}): Tensor {
  const { reduction, logInput, full, eps } = POISSON_NLL_LOSS.read('poissonNllLoss', [options]);
  return ops.aten.poisson_nll_loss(
    x,
    target,
    logInput,
    full,
    eps,
    reductionCode('poissonNllLoss', reduction),
  );
}

/** Options of `gaussianNllLoss`. */
export interface GaussianNllLossOptions {
  /** `'none'` keeps a loss for each element. Default `'mean'`. */
  reduction?: Reduction;
  /** Add the constant term. Default false. */
  full?: boolean;
  /** Least variance. Default 1e-6. */
  eps?: number;
}

/** The arguments of the Gaussian negative log-likelihood, of function and layer: by name, as torch's layer. */
export const GAUSSIAN_NLL_LOSS = new LossSignature<GaussianNllLossOptions>(
  { full: flag(), eps: real(1e-6), reduction: reductions() },
  [],
);

/**
 * Negative log-likelihood of `target` under Gaussians with means `x` and variances `variance`: a number, or a tensor of the
 * shape of `x`, of that without its last dimension, or with one dimension of size 1.
 *
 * @throws RangeError for negative variances and other shapes.
 */
export function gaussianNllLoss(
  x: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options: GaussianNllLossOptions = {},
): Tensor {
  const { reduction, full, eps } = GAUSSIAN_NLL_LOSS.read('gaussianNllLoss', [options]);
  checkTensor('gaussianNllLoss', 'x', x);
  checkTensor('gaussianNllLoss', 'target', target);
  const clamped = clampedVariance(x, variance, eps);
  const losses = clamped.log().add(x.sub(target).pow(2).div(clamped)).mul(0.5);
  return reduced(full ? losses.add(0.5 * Math.log(2 * Math.PI)) : losses, reduction);
}

/** As torch, the gradient passes where the value was raised to `eps`. */
function clampedVariance(x: Tensor, variance: Tensor | number, eps: number): Tensor {
  if (!(variance instanceof Tensor) && typeof variance !== 'number') {
    throw new TypeError(
      `Expected a Tensor or a number for gaussianNllLoss argument "variance", got ${describeValue(variance)}`,
    );
  }
  const given = variance instanceof Tensor ? variance : ops.aten.full_like(x, variance);
  if (given.lt(0).any().item()) {
    throw new RangeError('Expected no negative entries for gaussianNllLoss argument "variance"');
  }
  const copy = fittingVariance(x, given).clone();
  noGrad(() => copy.clampMin_(eps));
  return copy;
}

function fittingVariance(x: Tensor, variance: Tensor): Tensor {
  const [want, got] = [x.shape, variance.shape];
  if (`${want}` === `${got}`) return variance;
  if (`${want.slice(0, -1)}` === `${got}`) return variance.unsqueeze(-1);
  const others = got.filter((size, dim) => size !== want[dim]);
  if (want.length === got.length && others.length === 1 && others[0] === 1) return variance;
  throw new RangeError(
    `Expected shape [${want}], [${want.slice(0, -1)}], or one dimension of size 1, for gaussianNllLoss argument "variance", got [${got}]`,
  );
}

/** Options of `ctcLoss`. */
export interface CtcLossOptions {
  /** `'none'` keeps a loss for each sequence. Default `'mean'`. */
  reduction?: Reduction;
  /** Class of the blank. Default 0. */
  blank?: number;
  /** Infinite losses, of inputs too short for their targets, and their gradients become zero. Default false. */
  zeroInfinity?: boolean;
}

/** The arguments of the connectionist temporal classification, of function and layer. */
export const CTC_LOSS = new LossSignature<CtcLossOptions>({
  blank: whole(0, 0),
  reduction: reductions(),
  zeroInfinity: flag(),
});

/** What `ctcLoss` takes in order. */
export type CtcLossPositions = [blank?: number, reduction?: Reduction];

/**
 * Connectionist temporal classification between log-probabilities (T, N, C) or (T, C) and targets: classes (N, S), or all one
 * after the other.
 *
 * @param inputLengths Lengths of each input: an array, or an int64 tensor (N).
 * @param targetLengths Lengths of each target, likewise.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  ...given: Call<CtcLossPositions, CtcLossOptions>
): Tensor {
  const { reduction, blank, zeroInfinity } = CTC_LOSS.read('ctcLoss', given);
  const code = reductionCode('ctcLoss', reduction);
  if (inputLengths instanceof Tensor && targetLengths instanceof Tensor) {
    return ops.aten.ctc_loss.Tensor(
      logProbs,
      targets,
      inputLengths,
      targetLengths,
      blank,
      code,
      zeroInfinity,
    );
  }
  const lengths = [
    listOfLengths('inputLengths', inputLengths),
    listOfLengths('targetLengths', targetLengths),
  ] as const;
  return ops.aten.ctc_loss.IntList(logProbs, targets, ...lengths, blank, code, zeroInfinity);
}

function listOfLengths(name: string, lengths: Tensor | readonly number[]): number[] {
  if (lengths instanceof Tensor && !isFloatingPoint(lengths.dtype))
    return lengths.reshape([-1]).toArray() as number[];
  if (!Array.isArray(lengths))
    refuse('ctcLoss', name, 'an array of whole numbers or a tensor of them', lengths, false);
  return [...lengths];
}
