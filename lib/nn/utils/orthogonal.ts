import { checkFlag, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { isComplex, noGrad, ops, randn, type Tensor } from '../../tensor/index.ts';
import { Module } from '../module/module.ts';
import { type Parametrization, registerParametrization } from './parametrize.ts';
import { tensorOf } from './tensor-of.ts';

/** How an orthogonal matrix is made of another. */
export type OrthogonalMap = 'matrix_exp' | 'cayley' | 'householder';

/** Options of `orthogonal`. */
export interface OrthogonalOptions {
  /** The tensor. Default `'weight'`. */
  name?: string;
  /** Default `'matrix_exp'` for square and complex matrices, else `'householder'`. */
  orthogonalMap?: OrthogonalMap | null;
  /** Keep the first value beside, as `base`, and train what it is multiplied by. Default true. */
  useTrivialization?: boolean;
}

const MAPS: readonly string[] = ['matrix_exp', 'cayley', 'householder'];

class _Orthogonal extends Module implements Parametrization {
  readonly shape: readonly number[];
  readonly map: OrthogonalMap;
  readonly usesBase: boolean;
  declare base: Tensor | null;

  constructor(weight: Tensor, map: OrthogonalMap, usesBase: boolean) {
    super();
    this.shape = weight.shape;
    this.map = map;
    this.usesBase = usesBase;
    if (usesBase) this.registerBuffer('base', null);
  }

  forward(given: Tensor): Tensor {
    const isWide = wide(given);
    const x = isWide ? given.mT() : given;
    const made = this.map === 'householder' ? reflected(x) : rotated(x, this.map);
    const result = this.usesBase ? ops.aten.matmul(this.base as Tensor, made) : made;
    return isWide ? result.mT() : result;
  }

  rightInverse(value: Tensor): Tensor {
    if (`${value.shape}` !== `${this.shape}`) {
      throw new RangeError(`Expected shape [${this.shape}] for an orthogonal tensor, got [${value.shape}]`);
    }
    return noGrad(() => (this.usesBase ? this.begin(value) : this.reflectors(value)));
  }

  /** The value becomes the base; what it is multiplied by begins as the identity. */
  private begin(value: Tensor): Tensor {
    const tall = wide(value) ? value.mT() : value;
    const [rows, columns] = tall.shape.slice(-2) as [number, number];
    if (rows === columns) this.base = isOrthogonal(tall) ? tall.clone() : orthogonalized(tall);
    else {
      const { dtype, device } = tall;
      const noise = randn([...tall.shape.slice(0, -1), rows - columns], { dtype, device });
      this.base = orthogonalized(ops.aten.cat([tall, noise], -1));
    }
    const start = ops.aten.zeros_like(value);
    // Reflectors of zeros with this diagonal give the identity.
    diagonalOf(start).fill_(-1);
    return start;
  }

  private reflectors(value: Tensor): Tensor {
    if (this.map !== 'householder') {
      throw new RangeError(`Expected useTrivialization for orthogonal with "${this.map}" to take a value`);
    }
    const isWide = wide(value);
    const [a, tau] = ops.aten.geqrf(isWide ? value.mT() : value);
    const diagonal = diagonalOf(a);
    diagonal.copy_(ops.aten.where(tau.eq(0), diagonal.sign().neg(), diagonal.sign()));
    return isWide ? a.mT() : a;
  }
}

const wide = (x: Tensor): boolean => (x.shape.at(-2) as number) < (x.shape.at(-1) as number);

const diagonalOf = (x: Tensor): Tensor => ops.aten.diagonal(x, 0, -2, -1);

/** By a skew-symmetric matrix from the lower triangle of `x`, (..., n, k) with n >= k. */
function rotated(x: Tensor, map: OrthogonalMap): Tensor {
  const [n, k] = x.shape.slice(-2) as [number, number];
  const { dtype, device } = x;
  const lower = x.tril();
  const padding = [...x.shape.slice(0, -1), n - k];
  const square = n === k ? lower : ops.aten.cat([lower, ops.aten.zeros(padding, { dtype, device })], -1);
  const skew = square.sub(square.mH());
  const whole = map === 'matrix_exp' ? ops.aten.linalg_matrix_exp(skew) : cayley(skew);
  return n === k ? whole : whole.narrow(-1, 0, k);
}

/** (I - A / 2)^-1 (I + A / 2) */
function cayley(skew: Tensor): Tensor {
  const identity = ops.aten.eye(skew.shape.at(-1) as number, { dtype: skew.dtype, device: skew.device });
  return ops.aten.linalg_solve(identity.sub(skew, { alpha: 0.5 }), identity.add(skew, { alpha: 0.5 }));
}

/** A product of Householder reflectors; the diagonal of `x` is the signs. */
function reflected(x: Tensor): Tensor {
  const a = x.tril(-1);
  const tau = a.mul(a).sum([-2]).add(1).reciprocal().mul(2);
  const signs = diagonalOf(x).to('int32').unsqueeze(-2);
  return ops.aten.linalg_householder_product(a, tau).mul(signs);
}

function isOrthogonal(q: Tensor): boolean {
  const [n, k] = q.shape.slice(-2) as [number, number];
  const identity = ops.aten.eye(k, { dtype: q.dtype, device: q.device });
  const epsilon = q.dtype === 'float64' || q.dtype === 'complex128' ? 2 ** -52 : 2 ** -23;
  return ops.aten.allclose(ops.aten.matmul(q.mH(), q), identity, 1e-5, 10 * n * epsilon);
}

/** The Q of QR with a diagonal of R that is real and not negative. */
function orthogonalized(a: Tensor): Tensor {
  const [x, tau] = ops.aten.geqrf(a);
  return ops.aten.linalg_householder_product(x, tau).mul(diagonalOf(x).sgn().unsqueeze(-2));
}

/**
 * Keeps a matrix, or a batch of them, orthogonal: orthonormal columns, or rows where it is wider than tall. Its first value is
 * the tensor's own if that is orthogonal, else that of its QR decomposition.
 *
 * @throws RangeError for a tensor of fewer than two dimensions, and complex ones with `'householder'`.
 * @example const linear = nn.utils.parametrizations.orthogonal(new nn.Linear(20, 40));
 */
export function orthogonal<M extends Module>(module: M, options: OrthogonalOptions = {}): M {
  checkPositions('orthogonal', arguments, 2);
  checkOptions('orthogonal', options, ['name', 'orthogonalMap', 'useTrivialization']);
  const { name = 'weight', useTrivialization = true } = options;
  checkFlag('orthogonal useTrivialization', useTrivialization);
  const weight = tensorOf(module, name, 'orthogonal');
  if (weight.dim() < 2) {
    throw new RangeError(`Expected a matrix or a batch of them for orthogonal, got shape [${weight.shape}]`);
  }
  const isFree = isComplex(weight.dtype) || weight.shape.at(-2) === weight.shape.at(-1);
  const map = options.orthogonalMap ?? (isFree ? 'matrix_exp' : 'householder');
  if (!MAPS.includes(map)) {
    throw new RangeError(
      `Expected "matrix_exp", "cayley" or "householder" for orthogonal orthogonalMap, got ${describeValue(map)}`,
    );
  }
  if (map === 'householder' && isComplex(weight.dtype)) {
    throw new RangeError(`Expected a real tensor for orthogonal with "householder", got ${weight.dtype}`);
  }
  const parametrization = new _Orthogonal(weight, map, useTrivialization);
  return registerParametrization(module, name, parametrization, { unsafe: true });
}
