import { checkFlag, checkNumbers, checkOptions, checkPositions } from '../../options.ts';
import { checkTensor, listOfTensors } from '../../tensor/check-tensor.ts';
import { type Device, isTensor, noGrad, ops, type Tensor, tensor } from '../../tensor/index.ts';

/** Options of `getTotalNorm` and `clipGradNorm_`. */
export interface NormOptions {
  /** Which norm; Infinity is the largest value. Default 2. */
  normType?: number;
  /** Throw where the norm is infinite or NaN. Default false. */
  errorIfNonfinite?: boolean;
  /** All tensors in one op (default), or one after the other. */
  foreach?: boolean | null;
}

const OPTIONS = ['normType', 'errorIfNonfinite', 'foreach'];

/** One tensor, or several. */
type Tensors = Tensor | Iterable<Tensor>;

function listOf(name: string, tensors: Tensors): Tensor[] {
  return isTensor(tensors) ? [tensors] : listOfTensors(name, 'parameters', tensors);
}

/** Options that all have, and those of norms. */
function checkNormOptions(name: string, options: NormOptions, known = OPTIONS): void {
  checkOptions(name, options, known);
  const { normType = 2, errorIfNonfinite = false, foreach } = options;
  checkNumbers(name, { normType });
  checkFlag(`${name} errorIfNonfinite`, errorIfNonfinite);
  checkFlag(`${name} foreach`, foreach ?? true);
}

function gradientsOf(name: string, parameters: Tensors): Tensor[] {
  return listOf(name, parameters).flatMap(({ grad }) => (grad === null ? [] : [grad]));
}

/** Groups of one device and dtype, as ops on lists take them. */
function grouped(tensors: readonly Tensor[]): Tensor[][] {
  const groups = new Map<string, Tensor[]>();
  for (const item of tensors) {
    const key = `${item.device} ${item.dtype}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/**
 * The norm of all tensors as if they were one vector.
 *
 * @throws RangeError with `errorIfNonfinite` for a norm that is infinite or NaN.
 */
export function getTotalNorm(tensors: Tensors, options: NormOptions = {}): Tensor {
  checkPositions('getTotalNorm', arguments, 2);
  checkNormOptions('getTotalNorm', options);
  return noGrad(() => totalNorm(listOf('getTotalNorm', tensors), options));
}

function totalNorm(tensors: readonly Tensor[], options: NormOptions): Tensor {
  const { normType = 2, errorIfNonfinite = false, foreach } = options;
  const first = tensors[0];
  if (first === undefined) return tensor(0);
  const norms = grouped(tensors).flatMap((group) =>
    foreach === false
      ? group.map((item) => ops.aten.linalg_vector_norm(item, normType))
      : ops.aten._foreach_norm.Scalar(group, normType),
  );
  const device = first.device as Device;
  const total = ops.aten.linalg_vector_norm(ops.aten.stack(norms.map((norm) => norm.to(device))), normType);
  if (errorIfNonfinite && !Number.isFinite(total.item())) {
    throw new RangeError(
      `Expected a finite norm of order ${normType} for clipGradNorm_, got ${total.item()}; pass { errorIfNonfinite: false } ` +
        'to scale the gradients by it',
    );
  }
  return total;
}

/**
 * Scales all gradients so that their norm together is at most `maxNorm`.
 *
 * @returns The norm before.
 * @example nn.utils.clipGradNorm_(model.parameters(), 1);
 */
export function clipGradNorm_(parameters: Tensors, maxNorm: number, options: NormOptions = {}): Tensor {
  checkPositions('clipGradNorm_', arguments, 3);
  checkNormOptions('clipGradNorm_', options);
  checkNumbers('clipGradNorm_', { maxNorm });
  const gradients = gradientsOf('clipGradNorm_', parameters);
  return noGrad(() => {
    const total = totalNorm(gradients, options);
    scale(gradients, maxNorm, total, options.foreach);
    return total;
  });
}

/** Scales all gradients by `maxNorm / totalNorm`, where that is below 1: `clipGradNorm_` with a norm that you have. */
export function clipGradsWithNorm_(
  parameters: Tensors,
  maxNorm: number,
  totalNorm: Tensor,
  options: { foreach?: boolean | null } = {},
): void {
  checkPositions('clipGradsWithNorm_', arguments, 4);
  checkNormOptions('clipGradsWithNorm_', options, ['foreach']);
  checkNumbers('clipGradsWithNorm_', { maxNorm });
  checkTotalNorm(totalNorm);
  const gradients = gradientsOf('clipGradsWithNorm_', parameters);
  noGrad(() => scale(gradients, maxNorm, totalNorm, options.foreach));
}

function scale(gradients: readonly Tensor[], maxNorm: number, total: Tensor, foreach?: boolean | null): void {
  if (gradients.length === 0) return;
  const factor = total.add(1e-6).reciprocal().mul(maxNorm).clampMax(1);
  for (const group of grouped(gradients)) {
    const local = factor.to((group[0] as Tensor).device as Device);
    if (foreach === false) for (const gradient of group) gradient.mul_(local);
    else ops.aten._foreach_mul_.Tensor(group, local);
  }
}

/**
 * Clamps every element of the gradients to [-clipValue, clipValue].
 *
 * @example nn.utils.clipGradValue_(model.parameters(), 0.5);
 */
export function clipGradValue_(
  parameters: Tensors,
  clipValue: number,
  options: { foreach?: boolean | null } = {},
): void {
  checkPositions('clipGradValue_', arguments, 3);
  checkNormOptions('clipGradValue_', options, ['foreach']);
  checkNumbers('clipGradValue_', { clipValue });
  const gradients = gradientsOf('clipGradValue_', parameters);
  noGrad(() => {
    for (const group of grouped(gradients)) {
      if (options.foreach === false) {
        for (const gradient of group) gradient.clamp_(-clipValue, clipValue);
        continue;
      }
      ops.aten._foreach_clamp_min_.Scalar(group, -clipValue);
      ops.aten._foreach_clamp_max_.Scalar(group, clipValue);
    }
  });
}

function checkTotalNorm(totalNorm: Tensor): void {
  checkTensor('clipGradsWithNorm_', 'totalNorm', totalNorm);
  if (totalNorm.numel() === 1) return;
  throw new RangeError(
    `Expected one element for clipGradsWithNorm_ argument "totalNorm", got shape [${totalNorm.shape}]`,
  );
}
