import { Complex, isTensor, ops, type Tensor, UntypedStorage } from '../../lib/tensor/index.ts';
import type { EncodedTensor, TensorSource } from './encode.ts';

/** Looks into libtorch's tensors for the comparison with `expected.json`. */
export const nativeView: TensorSource = {
  tensor: (value, numberOf) => (isTensor(value) ? encoded(value, numberOf) : undefined),
  storage: (value) => (value instanceof UntypedStorage ? value.bytes() : undefined),
  complex: (value) => (value instanceof Complex ? [value.re, value.im] : undefined),
};

function encoded(tensor: Tensor, numberOf: (storage: unknown) => number): EncodedTensor {
  const storage = tensor.untypedStorage();
  return {
    dtype: tensor.dtype,
    size: tensor.shape,
    stride: tensor.stride(),
    offset: tensor.storageOffset(),
    requiresGrad: tensor.requiresGrad,
    storage: numberOf(storage.nbytes === 0 ? tensor : storage.dataPtr()),
    storageBytes: storage.nbytes,
    data: elementBytes(tensor, storage.bytes()).toString('base64'),
    ...(isCopied(tensor, ops.aten.resolve_conj(tensor)) ? { conj: true } : {}),
    ...(isCopied(tensor, ops.aten.resolve_neg(tensor)) ? { neg: true } : {}),
  };
}

/** What has nothing to resolve comes back as it is. */
function isCopied(tensor: Tensor, resolved: Tensor): boolean {
  return tensor.untypedStorage().dataPtr() !== resolved.untypedStorage().dataPtr();
}

/** The elements as they lie in memory, in row-major order, without conjugation or negation. */
function elementBytes(tensor: Tensor, bytes: Uint8Array): Buffer {
  const { itemsize } = tensor;
  let positions = [tensor.storageOffset()];
  for (const [dim, length] of tensor.shape.entries()) {
    const steps = Array.from({ length }, (_, index) => index * (tensor.stride()[dim] as number));
    positions = positions.flatMap((position) => steps.map((step) => position + step));
  }
  return Buffer.concat(positions.map((at) => bytes.subarray(at * itemsize, (at + 1) * itemsize)));
}
