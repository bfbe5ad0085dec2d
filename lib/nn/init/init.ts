import { checkNumbers, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { empty, noGrad, ops, Tensor, tensor } from '../../tensor/index.ts';
import { deferUniform, forgetDraw } from './defer-draws.ts';
import { isSkippingInit } from './skip-init.ts';

/** Which side of the layer keeps its variance. */
export type FanMode = 'fan_in' | 'fan_out';

/** Non-linearities with a recommended gain. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

/** Options of the Kaiming (He) initialisers. */
export interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0. */
  a?: number;
  /** Default `'fan_in'`. */
  mode?: FanMode;
  /** Default `'leaky_relu'`. */
  nonlinearity?: Nonlinearity;
}

function checkTarget(owner: string, target: unknown): asserts target is Tensor {
  if (target instanceof Tensor) return;
  throw new TypeError(`Expected a Tensor for ${owner}, got ${describeValue(target)}`);
}

function draw(target: Tensor, fill: (target: Tensor) => unknown): Tensor {
  if (!(target instanceof Tensor))
    throw new TypeError(`Expected a Tensor to initialise, got ${typeof target}`);
  if (isSkippingInit() || target.device === 'meta') return target;
  forgetDraw(target);
  noGrad(() => fill(target));
  return target;
}

function fillWith(target: Tensor, value: number): Tensor {
  if (!(target instanceof Tensor))
    throw new TypeError(`Expected a Tensor to initialise, got ${typeof target}`);
  forgetDraw(target);
  noGrad(() => ops.aten.fill_(target, value));
  return target;
}

/** Fills with numbers from U(low, high). */
export function uniform_(target: Tensor, low = 0, high = 1): Tensor {
  checkPositions('uniform_', arguments, 3);
  checkNumbers('uniform_', { low, high });
  return draw(target, (t) => deferUniform(t, low, high) || ops.aten.uniform_(t, low, high));
}

/** Fills with numbers from N(mean, std squared). */
export function normal_(target: Tensor, mean = 0, std = 1): Tensor {
  checkPositions('normal_', arguments, 3);
  checkNumbers('normal_', { mean, std });
  return draw(target, (t) => ops.aten.normal_(t, mean, std));
}

/**
 * Numbers from N(0, std^2), with zeros in the rounded-up share `sparsity` of the rows of each column, drawn anew for each.
 *
 * @throws RangeError unless `target` has 2 dimensions and `sparsity` is in [0, 1].
 */
export function sparse_(target: Tensor, sparsity: number, std = 0.01): Tensor {
  checkPositions('sparse_', arguments, 3);
  checkNumbers('sparse_', { sparsity, std });
  checkTarget('sparse_', target);
  if (std < 0) throw new RangeError(`Expected a number from 0 for sparse_ std, got ${std}`);
  if (target.dim() !== 2) throw new RangeError(`Expected 2 dimensions for sparse_, got ${target.dim()}`);
  if (sparsity < 0 || sparsity > 1) {
    throw new RangeError(`Expected a share from 0 to 1 for sparse_ sparsity, got ${sparsity}`);
  }
  const [rows, columns] = target.shape as [number, number];
  return draw(target, (t) => {
    ops.aten.normal_(t, 0, std);
    for (let column = 0; column < columns; column++) {
      const chosen = ops.aten.randperm(rows).narrow(0, 0, Math.ceil(sparsity * rows));
      ops.aten.index_fill_(t.select(1, column), 0, chosen, 0);
    }
  });
}

/** Fills with one value. */
export function constant_(target: Tensor, value: number): Tensor {
  checkPositions('constant_', arguments, 2);
  checkNumbers('constant_', { value });
  return fillWith(target, value);
}

/** Fills with ones. */
export function ones_(target: Tensor): Tensor {
  checkPositions('ones_', arguments, 1);
  return fillWith(target, 1);
}

/** Fills with zeros. */
export function zeros_(target: Tensor): Tensor {
  checkPositions('zeros_', arguments, 1);
  return fillWith(target, 0);
}

/** Fills a matrix with the identity. */
export function eye_(target: Tensor): Tensor {
  checkPositions('eye_', arguments, 1);
  checkTarget('eye_', target);
  const [rows, columns, ...rest] = target.shape;
  if (rows === undefined || columns === undefined || rest.length > 0) {
    throw new RangeError(`Expected 2 dimensions for eye_, got ${target.dim()}`);
  }
  forgetDraw(target);
  noGrad(() => {
    ops.aten.zero_(target);
    ops.aten.fill_(ops.aten.diagonal(target), 1);
  });
  return target;
}

/**
 * Fills a convolution weight with the Dirac delta, so that the layer passes its input channels on.
 *
 * @throws RangeError unless the weight has 3 to 5 dimensions and `groups` divides its first.
 */
export function dirac_(target: Tensor, groups = 1): Tensor {
  checkPositions('dirac_', arguments, 2);
  checkTarget('dirac_', target);
  if (!Number.isInteger(groups) || groups < 1) {
    throw new RangeError(
      `Expected a whole number of at least 1 for dirac_ groups, got ${describeValue(groups)}`,
    );
  }
  const [out = 0, input = 0, ...kernel] = target.shape;
  if (kernel.length < 1 || kernel.length > 3) {
    throw new RangeError(`Expected 3, 4 or 5 dimensions for dirac_, got ${target.dim()}`);
  }
  if (out % groups !== 0) throw new RangeError(`Expected groups to divide ${out} for dirac_, got ${groups}`);
  const perGroup = out / groups;
  forgetDraw(target);
  noGrad(() => {
    ops.aten.zero_(target);
    const centre = kernel.reduce((view, size) => view.select(2, Math.floor(size / 2)), target); // (out, input)
    for (let g = 0; g < groups; g++) {
      const block = centre.narrow(0, g * perGroup, perGroup);
      ops.aten.fill_(ops.aten.diagonal(block.narrow(1, 0, Math.min(perGroup, input))), 1);
    }
  });
  return target;
}

/**
 * Numbers of inputs and outputs of each unit of a layer with this weight.
 *
 * @throws RangeError for fewer than two dimensions.
 */
export function calculateFanInAndFanOut(weight: Tensor): [fanIn: number, fanOut: number] {
  checkPositions('calculateFanInAndFanOut', arguments, 1);
  checkTarget('calculateFanInAndFanOut', weight);
  const [out, input, ...kernel] = weight.shape;
  if (out === undefined || input === undefined) {
    throw new RangeError(`Expected 2 or more dimensions for fan in and fan out, got ${weight.dim()}`);
  }
  const field = kernel.reduce((product, size) => product * size, 1);
  return [input * field, out * field];
}

/** The gain PyTorch recommends after a non-linearity; `param` is the slope of `'leaky_relu'` (default 0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  checkPositions('calculateGain', arguments, 2);
  checkNumbers('calculateGain', { param });
  if (/^(linear|conv(_transpose)?[123]d|sigmoid)$/.test(nonlinearity)) return 1;
  if (nonlinearity === 'tanh') return 5 / 3;
  if (nonlinearity === 'relu') return Math.sqrt(2);
  if (nonlinearity === 'leaky_relu') return Math.sqrt(2 / (1 + param ** 2));
  if (nonlinearity === 'selu') return 3 / 4;
  throw new RangeError(`Expected a known nonlinearity for calculateGain, got ${describeValue(nonlinearity)}`);
}

/** Xavier (Glorot) initialisation from a uniform distribution. */
export function xavierUniform_(target: Tensor, gain = 1): Tensor {
  checkPositions('xavierUniform_', arguments, 2);
  checkNumbers('xavierUniform_', { gain });
  const [fanIn, fanOut] = calculateFanInAndFanOut(target);
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
  return uniform_(target, -bound, bound);
}

/** Xavier (Glorot) initialisation from a normal distribution. */
export function xavierNormal_(target: Tensor, gain = 1): Tensor {
  checkPositions('xavierNormal_', arguments, 2);
  checkNumbers('xavierNormal_', { gain });
  const [fanIn, fanOut] = calculateFanInAndFanOut(target);
  return normal_(target, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

function kaimingStd(target: Tensor, options: KaimingOptions): number {
  checkOptions('Kaiming initialisation', options, ['a', 'mode', 'nonlinearity']);
  const { mode = 'fan_in', nonlinearity = 'leaky_relu', a = 0 } = options;
  if (mode !== 'fan_in' && mode !== 'fan_out') {
    throw new RangeError(
      `Expected mode "fan_in" or "fan_out" for Kaiming initialisation, got ${describeValue(mode)}`,
    );
  }
  const [fanIn, fanOut] = calculateFanInAndFanOut(target);
  const gain = calculateGain(nonlinearity, a);
  return gain / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}

/** Kaiming (He) initialisation from a uniform distribution. */
export function kaimingUniform_(target: Tensor, options: KaimingOptions = {}): Tensor {
  checkPositions('kaimingUniform_', arguments, 2);
  checkTarget('kaimingUniform_', target);
  if (target.numel() === 0) return target;
  const bound = Math.sqrt(3) * kaimingStd(target, options);
  return uniform_(target, -bound, bound);
}

/** Kaiming (He) initialisation from a normal distribution. */
export function kaimingNormal_(target: Tensor, options: KaimingOptions = {}): Tensor {
  checkPositions('kaimingNormal_', arguments, 2);
  checkTarget('kaimingNormal_', target);
  if (target.numel() === 0) return target;
  return normal_(target, 0, kaimingStd(target, options));
}

/** A (semi-)orthogonal matrix; dimensions after the first are flattened. */
export function orthogonal_(target: Tensor, gain = 1): Tensor {
  checkPositions('orthogonal_', arguments, 2);
  checkTarget('orthogonal_', target);
  checkNumbers('orthogonal_', { gain });
  const [rows] = target.shape;
  if (rows === undefined || target.dim() < 2) {
    throw new RangeError(`Expected 2 or more dimensions for orthogonal_, got ${target.dim()}`);
  }
  if (target.numel() === 0) return target;
  return draw(target, (t) => {
    const columns = t.numel() / rows;
    const drawn = ops.aten.normal_(empty([rows, columns], { dtype: t.dtype, device: t.device }));
    const [q, r] = ops.aten.linalg_qr(rows < columns ? drawn.t() : drawn);
    const signed = q.mul(ops.aten.diagonal(r).sign());
    t.copy_((rows < columns ? signed.t() : signed).reshape(t.shape)).mul_(gain);
  });
}

/** Options of the truncated normal distribution. */
export interface TruncNormalOptions {
  mean?: number;
  std?: number;
  /** Lower bound. Default -2. */
  a?: number;
  /** Upper bound. Default 2. */
  b?: number;
}

/** Normal distribution whose draws outside [a, b] are drawn again. */
export function truncNormal_(target: Tensor, options: TruncNormalOptions = {}): Tensor {
  checkPositions('truncNormal_', arguments, 2);
  checkOptions('truncNormal_', options, ['mean', 'std', 'a', 'b']);
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  checkNumbers('truncNormal_', { mean, std, a, b });
  if (!(a < b)) throw new RangeError(`Expected a < b for truncNormal_, got [${a}, ${b}]`);
  return draw(target, (t) =>
    (insideMass(mean, std, a, b) > 0.3 ? redrawOutside : rejectUniform)(t, mean, std, a, b),
  );
}

/** Share of the normal distribution inside the bounds. */
function insideMass(mean: number, std: number, a: number, b: number): number {
  const z = tensor([(a - mean) / std, (b - mean) / std], { dtype: 'float64' });
  const [low = 0, high = 0] = ops.aten.erf(z.div(Math.SQRT2)).toArray() as number[];
  return (high - low) / 2;
}

/** As torch/nn/init.py (2.13): bounds are rounded to the tensor's dtype before they are compared. */
function redrawOutside(t: Tensor, mean: number, std: number, a: number, b: number): void {
  const bounds = tensor([a, b], { dtype: t.dtype });
  const [low = a, high = b] = bounds.to('float64').toArray() as number[];
  ops.aten.normal_(t, mean, std);
  for (;;) {
    const outside = t.lt(low).logicalOr(t.gt(high));
    if (!outside.any().item()) return;
    t.copy_(ops.aten.where(outside, ops.aten.normal_(ops.aten.empty_like(t), mean, std), t));
  }
}

/** As torch/nn/init.py (2.13), for bounds that a normal draw would seldom meet: rejection from a uniform one. */
function rejectUniform(t: Tensor, mean: number, std: number, a: number, b: number): void {
  const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
  const logDensity = (x: Tensor): Tensor => x.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak);
  const rejected = (x: Tensor): Tensor => ops.aten.uniform_(ops.aten.empty_like(x)).log_().gt(logDensity(x));
  ops.aten.uniform_(t, a, b);
  let pending = rejected(t);
  while (pending.any().item()) {
    const candidates = ops.aten.uniform_(ops.aten.empty_like(t), a, b);
    t.copy_(ops.aten.where(pending, candidates, t));
    pending = ops.aten.where(pending, rejected(candidates), pending);
  }
}
