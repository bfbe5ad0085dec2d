import { isComplex, ops, type Tensor } from '../../tensor/index.ts';

/** A sparse tensor with the indices and size of a coalesced one, and other values. */
export function withValues(like: Tensor, values: Tensor): Tensor {
  return ops.aten.sparse_coo_tensor(ops.aten._indices(like), values, like.shape);
}

/** `value` in the parameter's shape; in both parts of complex numbers, which count as pairs of real ones. */
export function filledPairs(param: Tensor, value: number): Tensor {
  const filled = ops.aten.zeros_like(param);
  (isComplex(param.dtype) ? ops.aten.view_as_real(filled) : filled).fill_(value);
  return filled;
}
