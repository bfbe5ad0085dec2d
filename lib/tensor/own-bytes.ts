import { fromBuffer } from './create.ts';
import type { DType } from './dtype.ts';
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** A tensor over bytes that nobody else has: a copy where the runtime cannot share memory. */
export function fromOwnBytes(data: Uint8Array, dtype: DType, shape: number[]): Tensor {
  if (native.canShareBuffers()) return fromBuffer(data, { dtype, shape });
  return new Tensor(native.fromCopy(data, dtype, shape));
}
