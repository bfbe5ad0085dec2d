import { ops, Tensor } from '../../tensor/index.ts';
import { checkTensor, maybeTensor } from '../arguments.ts';

/** A boolean mask as numbers that are added to scores: minus infinity where it is true. */
export function canonicalMask(name: string, mask: Tensor | null, dtype: Tensor['dtype']): Tensor | null {
  if (mask === null) return null;
  if (!(mask instanceof Tensor))
    throw new TypeError(`Expected a Tensor for attention option ${name}, got ${typeof mask}`);
  if (mask.isFloatingPoint()) return mask;
  if (mask.dtype !== 'bool') {
    throw new TypeError(
      `Expected a bool or floating-point tensor for attention option ${name}, got ${mask.dtype}`,
    );
  }
  return ops.aten.zeros_like(mask, { dtype }).maskedFill(mask, Number.NEGATIVE_INFINITY);
}

/** @throws RangeError naming the input. */
export function checkAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  padding: Tensor | null,
  width: number,
  numHeads: number,
): void {
  for (const [name, x] of Object.entries({ query, key, value })) checkTensor('attention', name, x);
  maybeTensor().read('attention', 'keyPaddingMask', padding);
  const dims = query.dim();
  if (dims !== 2 && dims !== 3) throw refused('query', '2 or 3 dimensions', query);
  if (key.dim() !== dims) throw refused('key', `${dims} dimensions, which the query has,`, key);
  if (value.dim() !== dims) throw refused('value', `${dims} dimensions, which the query has,`, value);
  if (query.shape.at(-1) !== width) throw refused('query', `${width} features`, query);
  if (width % numHeads !== 0) {
    throw new RangeError(`Expected numHeads to divide the ${width} features for attention, got ${numHeads}`);
  }
  const leading = key.shape.slice(0, -1);
  if (`${leading}` !== `${value.shape.slice(0, -1)}`)
    throw refused('value', `shape [${leading}, ...], which the key has,`, value);
  if (padding !== null && padding.dim() !== dims - 1)
    throw refused('keyPaddingMask', `${dims - 1} dimensions`, padding);
}

function refused(name: string, expected: string, got: Tensor): RangeError {
  return new RangeError(`Expected ${expected} for attention argument "${name}", got shape [${got.shape}]`);
}

/** The mask with 3 dimensions. @throws RangeError for other shapes than (L, S) and (rows, L, S). */
export function checkAttentionMask(
  mask: Tensor | null,
  rows: number,
  length: number,
  keys: number,
): Tensor | null {
  if (mask === null) return null;
  if (`${mask.shape}` === `${[length, keys]}`) return mask.unsqueeze(0);
  if (`${mask.shape}` === `${[rows, length, keys]}`) return mask;
  throw refused('attnMask', `shape [${length},${keys}] or [${rows},${length},${keys}]`, mask);
}

/** @throws RangeError unless the mask is (N, S). */
export function checkPaddingMask(mask: Tensor | null, batch: number, keys: number): void {
  if (mask === null || `${mask.shape}` === `${[batch, keys]}`) return;
  throw refused('keyPaddingMask', `shape [${batch},${keys}]`, mask);
}

/** Room for one more key, which is never left out. */
export function widened(mask: Tensor | null): Tensor | null {
  return mask === null ? null : ops.aten.pad(mask, [0, 1]);
}

/** Both masks in one: (1 or N * heads, 1 or L, S). */
export function mergedMask(attnMask: Tensor | null, padding: Tensor | null, numHeads: number): Tensor | null {
  if (padding === null) return attnMask;
  const [batch, keys] = padding.shape as [number, number];
  const perHead = padding.view([batch, 1, 1, keys]).expand([-1, numHeads, -1, -1]);
  const flat = perHead.reshape([batch * numHeads, 1, keys]);
  return attnMask === null ? flat : attnMask.add(flat);
}
