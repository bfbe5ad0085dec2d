import { ops, type Tensor } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';

/**
 * What `fn` gives for each item along the first dimension of `batch`, by one call that sees them all as one item: libtorch's own
 * vmap, over which ops work as they do on an item. Results are stacked.
 */
export function vmap(fn: (item: Tensor) => readonly Tensor[], batch: Tensor): Tensor[] {
  const level = native.enterVmap();
  try {
    const results = fn(ops.aten._add_batch_dim(batch, 0, level));
    return results.map((result) => ops.aten._remove_batch_dim(result, level, batch.shape[0] as number, 0));
  } finally {
    native.exitVmap();
  }
}
