import { isFloatingPoint, ops, scope, type Tensor } from '../../tensor/index.ts';

/** The numbers of a tensor in short. NaN and infinities are counted and left out of the rest; null where nothing remains. */
export interface TensorStats {
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly nan: number;
  readonly inf: number;
}

/** Reads a tensor, counts, and lets it go. Undefined for what has no order, such as complex numbers. */
export function tensorStats(read: () => Tensor): TensorStats {
  return scope(() => statsOf(read()));
}

const EMPTY = { min: null, max: null, mean: null, nan: 0, inf: 0 };

function statsOf(tensor: Tensor): TensorStats {
  if (tensor.numel() === 0 || tensor.dtype.startsWith('complex')) return EMPTY;
  const values = tensor.detach().to({ dtype: 'float64' }).flatten();
  if (!isFloatingPoint(tensor.dtype)) return { ...rangeOf(values), nan: 0, inf: 0 };
  const count = (mask: Tensor) => Number(mask.sum().item());
  const [nan, inf] = [count(values.isnan()), count(values.isinf())];
  const finite = nan + inf === 0 ? values : (ops.aten.masked_select(values, values.isfinite()) as Tensor);
  return { ...rangeOf(finite), nan, inf };
}

function rangeOf(values: Tensor): Pick<TensorStats, 'min' | 'max' | 'mean'> {
  if (values.numel() === 0) return { min: null, max: null, mean: null };
  const number = (value: Tensor) => Number(value.item());
  return { min: number(values.min()), max: number(values.max()), mean: number(values.mean()) };
}
