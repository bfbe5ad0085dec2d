import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { type DType, isTensor, ops, type Tensor } from '../tensor/index.ts';

/**
 * Sums of products of tensors, in Einstein's notation: `equation` names the dimensions of each operand and of the result.
 *
 * @param operands The tensors one by one, or as one array.
 * @throws TorchError where the equation does not fit the operands.
 * @example
 * einsum('bij,bjk->bik', randn([2, 3, 4]), randn([2, 4, 5])).shape; // [2, 3, 5]
 */
export function einsum(equation: string, ...operands: Tensor[] | [readonly Tensor[]]): Tensor;
/** The same with numbers for the dimensions: `einsum(a, [0, 1], b, [1, 2], [0, 2])`. */
export function einsum(operand: Tensor, dims: Sublist, ...others: (Tensor | Sublist)[]): Tensor;
export function einsum(first: string | Tensor, ...rest: unknown[]): Tensor {
  if (typeof first === 'string') return ops.aten.einsum(first, listOf(rest as Tensor[]));
  if (isTensor(first)) return ofSublists([first, ...rest]);
  throw new TypeError(`Expected an equation such as 'ij,jk->ik' for einsum, got ${describeValue(first)}`);
}

/** Dimensions by number, from 0 to 51; `'...'` for those of a batch. */
export type Sublist = readonly (number | '...')[];

function ofSublists(given: readonly unknown[]): Tensor {
  const operands: Tensor[] = [];
  const inputs: string[] = [];
  const count = given.length - (given.length % 2);
  for (let i = 0; i < count; i += 2) {
    const operand = given[i];
    if (!isTensor(operand))
      throw new TypeError(`Expected a Tensor before dimensions for einsum, got ${describeValue(operand)}`);
    operands.push(operand);
    inputs.push(letters(given[i + 1]));
  }
  const output = given.length > count ? `->${letters(given[count])}` : '';
  return ops.aten.einsum(`${inputs.join(',')}${output}`, operands);
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function letters(dims: unknown): string {
  const isDim = (dim: unknown): boolean => dim === '...' || LETTERS[dim as number] !== undefined;
  if (Array.isArray(dims) && dims.every(isDim))
    return dims.map((dim: number | '...') => (dim === '...' ? dim : LETTERS[dim])).join('');
  throw new TypeError(
    `Expected an array of dimensions from 0 to 51, or '...', behind each operand of einsum, got ${describeValue(dims)}`,
  );
}

/** The operands of a function that takes them one by one or as one array. */
export function listOf(operands: readonly Tensor[] | readonly [readonly Tensor[]]): readonly Tensor[] {
  const [first] = operands;
  return operands.length === 1 && Array.isArray(first) ? first : (operands as readonly Tensor[]);
}

/**
 * Contracts dimensions of `a` with dimensions of `b`.
 *
 * @param dims How many: the last ones of `a` with the first ones of `b` (default 2); or which, of `a` and of `b`.
 * @example
 * tensordot(randn([3, 4, 5]), randn([4, 5, 6])).shape; // [3, 6]
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  checkPositions('tensordot', arguments, 3);
  for (const [name, x] of Object.entries({ a, b })) {
    if (!isTensor(x))
      throw new TypeError(`Expected a Tensor for tensordot argument "${name}", got ${describeValue(x)}`);
  }
  if (typeof dims !== 'number' && !(Array.isArray(dims) && dims.length === 2)) {
    throw new TypeError(
      `Expected a number or two arrays of dimensions for tensordot dims, got ${describeValue(dims)}`,
    );
  }
  if (typeof dims !== 'number') return ops.aten.tensordot(a, b, dims[0], dims[1]);
  const most = Math.min(a.dim(), b.dim());
  if (!Number.isInteger(dims) || dims < 0 || dims > most)
    throw new RangeError(`Expected dims of tensordot from 0 to ${most}, got ${dims}`);
  const count = Array.from({ length: dims }, (_, i) => i);
  return ops.aten.tensordot(
    a,
    b,
    count.map((i) => i - dims),
    count,
  );
}

/** Options of `cdist`. */
export interface CdistOptions {
  /** The norm. Default 2. */
  p?: number;
  /** Whether Euclidean distances come from a matrix product. Default: above 25 rows. */
  computeMode?: keyof typeof COMPUTE_MODES;
}

const COMPUTE_MODES = {
  use_mm_for_euclid_dist_if_necessary: null,
  use_mm_for_euclid_dist: 1,
  donot_use_mm_for_euclid_dist: 2,
} as const;

/**
 * Distances between each row of `x1` (..., P, M) and each of `x2` (..., R, M): (..., P, R).
 *
 * @example
 * cdist(randn([4, 8]), randn([6, 8])).shape; // [4, 6]
 */
export function cdist(x1: Tensor, x2: Tensor, options: CdistOptions = {}): Tensor {
  checkPositions('cdist', arguments, 3);
  checkOptions('cdist', options, ['p', 'computeMode']);
  const { p = 2, computeMode = 'use_mm_for_euclid_dist_if_necessary' } = options;
  const mode = COMPUTE_MODES[computeMode];
  if (mode === undefined) {
    const known = Object.keys(COMPUTE_MODES).join(', ');
    throw new TypeError(`Expected one of ${known} for cdist option computeMode, got ${computeMode}`);
  }
  return ops.aten.cdist(x1, x2, p, mode);
}

/** Options of `norm`. */
export interface NormOptions {
  /** Which norm. Default 'fro', the square root of the sum of squares. */
  p?: number | 'fro' | 'nuc';
  /** Default: all dimensions. */
  dim?: number | readonly number[] | null;
  /** Default false. */
  keepdim?: boolean;
  dtype?: DType;
}

/**
 * Norm of all of `x`, or along dimensions, as torch.norm; `linalg.vectorNorm` and `linalg.matrixNorm` say which.
 *
 * @example
 * norm(x, { dim: 1, keepdim: true });
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  checkPositions('norm', arguments, 2);
  checkOptions('norm', options, ['p', 'dim', 'keepdim', 'dtype']);
  const { p = 'fro', dim = null, keepdim = false, dtype = null } = options;
  const dims = typeof dim === 'number' ? [dim] : dim;
  if (p === 'nuc') return ops.aten.linalg_matrix_norm(x, 'nuc', dims ?? [-2, -1], keepdim, { dtype });
  if (p === 'fro' && dims !== null && dims.length > 2)
    throw new RangeError(`Expected one or two dimensions for norm with p 'fro', got ${dims.length}`);
  return ops.aten.linalg_vector_norm(x, p === 'fro' ? 2 : p, dims, keepdim, { dtype });
}
