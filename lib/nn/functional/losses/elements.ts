import { checkOptions } from '../../../options.ts';
import { noGrad, ops, Tensor } from '../../../tensor/index.ts';
import { type Reduction, reduced, reductionCode } from '../../sizes.ts';
import { checkSameShape, warnOfShapes } from './checks.ts';

/** What every loss takes. */
export interface LossOptions {
  /** `'none'` keeps a loss for each element. Default `'mean'`. */
  reduction?: Reduction;
}

/** Options of the losses that take a factor for each element, sample or class. */
export interface WeightedLossOptions extends LossOptions {
  weight?: Tensor | null;
}

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
  options: WeightedLossOptions,
  op: ReducingOp,
): Tensor {
  const { weight = null, reduction = 'mean' } = options;
  if (weight === null) return elementwise(name, x, target, reduction, op);
  reductionCode(name, reduction);
  checkSameShape(name, 'weight', weight, x);
  const losses = elementwise(name, x, target, 'none', op).mul(weight);
  return reduction === 'mean' ? losses.sum().div(weight.sum()) : reduced(losses, reduction);
}

/** |x - target|, reduced; with a `weight` of the input's shape, the weighted mean. */
export function l1Loss(x: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkOptions('l1Loss', options, ['reduction', 'weight']);
  return weighted('l1Loss', x, target, options, ops.aten.l1_loss);
}

/**
 * (x - target) squared, reduced; with a `weight` of the input's shape, the weighted mean.
 *
 * @example nn.functional.mseLoss(output, target).backward();
 */
export function mseLoss(x: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkOptions('mseLoss', options, ['reduction', 'weight']);
  return weighted('mseLoss', x, target, options, ops.aten.mse_loss);
}

/** Squared below `beta` (default 1), linear above; with `beta: 0` the L1 loss. */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { beta?: number } = {},
): Tensor {
  checkOptions('smoothL1Loss', options, ['reduction', 'beta']);
  const { reduction = 'mean', beta = 1 } = options;
  return elementwise('smoothL1Loss', x, target, reduction, (a, b, code) =>
    beta === 0 ? ops.aten.l1_loss(a, b, code) : ops.aten.smooth_l1_loss(a, b, code, beta),
  );
}

/** Squared below `delta` (default 1), linear with slope `delta` above. */
export function huberLoss(
  x: Tensor,
  target: Tensor,
  options: WeightedLossOptions & { delta?: number } = {},
): Tensor {
  checkOptions('huberLoss', options, ['reduction', 'delta', 'weight']);
  const { reduction = 'mean', delta = 1, weight = null } = options;
  const op: ReducingOp = (a, b, code) => ops.aten.huber_loss(a, b, code, delta);
  if (weight === null) return elementwise('huberLoss', x, target, reduction, op);
  reductionCode('huberLoss', reduction);
  checkSameShape('huberLoss', 'weight', weight, x);
  return reduced(elementwise('huberLoss', x, target, 'none', op).mul(weight), reduction);
}

/** Binary cross-entropy of probabilities `x` and targets of its shape, both from 0 to 1. */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkOptions('binaryCrossEntropy', options, ['reduction', 'weight']);
  const { weight = null, reduction = 'mean' } = options;
  const code = reductionCode('binaryCrossEntropy', reduction);
  checkSameShape('binaryCrossEntropy', 'target', target, x);
  const factors = weight === null ? null : weight.expand(x.shape);
  return ops.aten.binary_cross_entropy(x, target, factors, code);
}

/** The same of logits; `posWeight` is a factor of the positive targets, one for each class. */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  target: Tensor,
  options: WeightedLossOptions & { posWeight?: Tensor | null } = {},
): Tensor {
  checkOptions('binaryCrossEntropyWithLogits', options, ['reduction', 'weight', 'posWeight']);
  const { weight = null, posWeight = null, reduction = 'mean' } = options;
  const code = reductionCode('binaryCrossEntropyWithLogits', reduction);
  checkSameShape('binaryCrossEntropyWithLogits', 'target', target, x);
  return ops.aten.binary_cross_entropy_with_logits(x, target, weight, posWeight, code);
}

/** Options of `klDiv`. */
export interface KlDivOptions {
  /** `'batchmean'` divides by the batch size, as the definition does; `'mean'` (default) by the number of elements. */
  reduction?: Reduction | 'batchmean';
  /** The target is logarithms too. Default false. */
  logTarget?: boolean;
}

/** Kullback-Leibler divergence of log-probabilities `x` from target probabilities. */
export function klDiv(x: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkOptions('klDiv', options, ['reduction', 'logTarget']);
  const { reduction = 'mean', logTarget = false } = options;
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

/** Negative log-likelihood of counts under a Poisson distribution. */
export function poissonNllLoss(x: Tensor, target: Tensor, options: PoissonNllLossOptions = {}): Tensor {
  checkOptions('poissonNllLoss', options, ['reduction', 'logInput', 'full', 'eps']);
  const { reduction = 'mean', logInput = true, full = false, eps = 1e-8 } = options;
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
export interface GaussianNllLossOptions extends LossOptions {
  /** Add the constant term. Default false. */
  full?: boolean;
  /** Least variance. Default 1e-6. */
  eps?: number;
}

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
  checkOptions('gaussianNllLoss', options, ['reduction', 'full', 'eps']);
  const { reduction = 'mean', full = false, eps = 1e-6 } = options;
  reductionCode('gaussianNllLoss', reduction);
  const clamped = clampedVariance(x, variance, eps);
  const losses = clamped.log().add(x.sub(target).pow(2).div(clamped)).mul(0.5);
  return reduced(full ? losses.add(0.5 * Math.log(2 * Math.PI)) : losses, reduction);
}

/** As torch, the gradient passes where the value was raised to `eps`. */
function clampedVariance(x: Tensor, variance: Tensor | number, eps: number): Tensor {
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
export interface CtcLossOptions extends LossOptions {
  /** Class of the blank. Default 0. */
  blank?: number;
  /** Infinite losses, of inputs too short for their targets, and their gradients become zero. Default false. */
  zeroInfinity?: boolean;
}

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
  options: CtcLossOptions = {},
): Tensor {
  checkOptions('ctcLoss', options, ['reduction', 'blank', 'zeroInfinity']);
  const { reduction = 'mean', blank = 0, zeroInfinity = false } = options;
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
  const lengths = [inputLengths, targetLengths].map(listOfLengths) as [number[], number[]];
  return ops.aten.ctc_loss.IntList(logProbs, targets, ...lengths, blank, code, zeroInfinity);
}

function listOfLengths(lengths: Tensor | readonly number[]): number[] {
  return lengths instanceof Tensor ? (lengths.reshape([-1]).toArray() as number[]) : [...lengths];
}
