/** torch.nn.utils.parametrizations: norms of weights. */
import { checkNumbers, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { emptyLike, noGrad, ops, type Tensor } from '../../tensor/index.ts';
import { checkModule } from '../module/check-module.ts';
import { Module } from '../module/module.ts';
import { checkCount } from '../sizes.ts';
import { type Parametrization, registerParametrization } from './parametrize.ts';
import { tensorOf } from './tensor-of.ts';

export { type OrthogonalMap, type OrthogonalOptions, orthogonal } from './orthogonal.ts';

class _WeightNorm extends Module implements Parametrization {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  forward(...[g, v]: Tensor[]): Tensor {
    return ops.aten._weight_norm(v as Tensor, g as Tensor, this.dim);
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [ops.aten.norm_except_dim(weight, 2, this.dim), weight];
  }
}

/** Options of `weightNorm`. */
export interface WeightNormOptions {
  /** The tensor. Default `'weight'`. */
  name?: string;
  /** Over all dimensions but this one; null over all. Default 0. */
  dim?: number | null;
}

/**
 * Splits a weight into its length and its direction, which are trained: `parametrizations.weight.original0` and `original1`.
 * State dicts with torch's older keys, `weight_g` and `weight_v`, are read too.
 *
 * @example const linear = nn.utils.parametrizations.weightNorm(new nn.Linear(20, 40));
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  checkPositions('weightNorm', arguments, 2);
  checkOptions('weightNorm', options, ['name', 'dim']);
  const { name = 'weight', dim = 0 } = options;
  checkDim('weightNorm', tensorOf(module, name, 'weightNorm'), dim ?? -1);
  registerParametrization(module, name, new _WeightNorm(dim ?? -1), { unsafe: true });
  module.registerLoadStateDictPreHook((_, { entries, prefix }) => {
    const old = [`${prefix}${name}_g`, `${prefix}${name}_v`];
    if (!old.every((key) => entries.has(key))) return;
    for (const [i, key] of old.entries()) {
      entries.set(`${prefix}parametrizations.${name}.original${i}`, entries.get(key));
      entries.delete(key);
    }
  });
  return module;
}

/** Options of `spectralNorm`. */
export interface SpectralNormOptions {
  /** The tensor. Default `'weight'`. */
  name?: string;
  /** Steps of the power method at every access in training. Default 1. */
  nPowerIterations?: number;
  /** Default 1e-12. */
  eps?: number;
  /** The dimension of the outputs. Default 0, of transposed convolutions 1. */
  dim?: number | null;
}

function checkDim(owner: string, weight: Tensor, dim: number): void {
  const dims = weight.dim();
  if (Number.isInteger(dim) && dim < dims && dim >= -dims) return;
  const expected = `Expected a dimension from ${-dims} to ${dims - 1} for ${owner} dim`;
  const Problem = typeof dim === 'number' ? RangeError : TypeError;
  throw new Problem(`${expected}, got ${describeValue(dim)}`);
}

const unit = (x: Tensor, eps: number): Tensor => x.div(ops.aten.linalg_vector_norm(x).clampMin(eps));

class _SpectralNorm extends Module implements Parametrization {
  readonly dim: number;
  readonly eps: number;
  readonly nPowerIterations: number;
  declare _u: Tensor;
  declare _v: Tensor;

  constructor(weight: Tensor, nPowerIterations: number, dim: number, eps: number) {
    super();
    const dims = weight.dim();
    checkDim('spectralNorm', weight, dim);
    checkNumbers('spectralNorm', { eps });
    checkCount('spectralNorm', 'nPowerIterations', nPowerIterations, 1);
    this.dim = dim >= 0 ? dim : dim + dims;
    this.eps = eps;
    this.nPowerIterations = nPowerIterations;
    if (dims > 1) noGrad(() => this.begin(this.matrix(weight)));
  }

  private begin(matrix: Tensor): void {
    const draw = (like: Tensor): Tensor => unit(ops.aten.normal_(emptyLike(like), 0, 1), this.eps);
    const u = draw(matrix.select(1, 0).contiguous());
    const v = draw(matrix.select(0, 0).contiguous());
    this.registerBuffer('_u', u);
    this.registerBuffer('_v', v);
    this.iterate(matrix, 15);
  }

  /** (outputs, all else) */
  private matrix(weight: Tensor): Tensor {
    const rest = weight.shape.map((_, dim) => dim).filter((dim) => dim !== this.dim);
    return (this.dim === 0 ? weight : weight.permute([this.dim, ...rest])).flatten(1);
  }

  private iterate(matrix: Tensor, steps: number): void {
    noGrad(() => {
      for (let i = 0; i < steps; i++) {
        this._u.copy_(unit(ops.aten.mv(matrix, this._v), this.eps));
        this._v.copy_(unit(ops.aten.mv(matrix.t(), this._u), this.eps));
      }
    });
  }

  forward(weight: Tensor): Tensor {
    if (weight.dim() === 1) return unit(weight, this.eps);
    const matrix = this.matrix(weight);
    if (this.training) this.iterate(matrix, this.nPowerIterations);
    // Copies, since the next access changes them in place and backward needs these.
    const [u, v] = [this._u.clone(), this._v.clone()];
    return weight.div(ops.aten.vdot(u, ops.aten.mv(matrix, v)));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/**
 * Divides a weight by its largest singular value, by the power method.
 *
 * @example const conv = nn.utils.parametrizations.spectralNorm(new nn.Conv2d(3, 8, 3));
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  checkPositions('spectralNorm', arguments, 2);
  checkOptions('spectralNorm', options, ['name', 'nPowerIterations', 'eps', 'dim']);
  checkModule('spectralNorm', 'module', module);
  const { name = 'weight', nPowerIterations = 1, eps = 1e-12 } = options;
  const isTransposed = module.constructor.name.startsWith('ConvTranspose');
  const weight = tensorOf(module, name, 'spectralNorm');
  const norm = new _SpectralNorm(weight, nPowerIterations, options.dim ?? (isTransposed ? 1 : 0), eps);
  return registerParametrization(module, name, norm);
}
