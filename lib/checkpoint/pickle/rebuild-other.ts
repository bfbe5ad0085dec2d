import { layoutOf } from '../dtypes.ts';
import {
  PyArray,
  PyBuilt,
  PyDType,
  PyName,
  type PyObject,
  PyStorage,
  PyTensor,
  PyUnbuilt,
} from '../values.ts';
import { asBoolean, asCount, asCounts, asItems, asNumber, describe, Mismatch } from './checks.ts';
import type { Context } from './py-global.ts';
import { geometry, unheldTensor, withGrad } from './rebuild.ts';

const MOST_DIMENSIONS = 64;
const COMPRESSED = ['sparse_csr', 'sparse_csc', 'sparse_bsr', 'sparse_bsc'];

/** `_rebuild_sparse_tensor(layout, data)`. */
export function rebuildSparse([layout, data]: readonly unknown[]): PyBuilt {
  const name = layout instanceof PyName ? layout.name : describe(layout);
  const items = asItems(data, 'a sparse tensor');
  if (name === 'sparse_coo') {
    const [indices, values, size, coalesced] = items;
    const isCoalesced =
      coalesced === undefined || coalesced === null ? undefined : asBoolean(coalesced, 'is_coalesced');
    return new PyBuilt({
      kind: 'coo',
      parts: [asTensor(indices), asTensor(values)],
      size: asSize(size),
      isCoalesced,
    });
  }
  if (!COMPRESSED.includes(name)) throw new Mismatch(`a sparse tensor of layout ${describe(name)}`);
  const [compressed, plain, values, size] = items;
  const parts = [asTensor(compressed), asTensor(plain), asTensor(values)] as const;
  return new PyBuilt({ kind: 'compressed', layout: name, parts, size: asSize(size) });
}

/** `_rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)`. */
export function rebuildQuantized(args: readonly unknown[]): PyBuilt | PyObject {
  const [storage, , size, , quantizer] = args;
  if (!(storage instanceof PyStorage) || storage.quantized === undefined || storage.dtype === undefined) {
    throw new Mismatch(`expected a storage of quantized numbers, got ${describe(storage)}`);
  }
  const plain = new PyStorage({ ...storage, quantized: undefined });
  // Several numbers in a byte: a tensor of them could not be looked into.
  if (storage.quantized.includes('x')) {
    return unheldTensor(storage.quantized, [plain, ...args.slice(1, 4)], quantizer);
  }
  const integers = geometry(plain, storage.dtype, args, false, undefined);
  const [scheme, ...parameters] = asItems(quantizer, 'a quantizer');
  const name = scheme instanceof PyName ? scheme.name : describe(scheme);
  return quantized(name, integers, storage.quantized, parameters, asSize(size));
}

function quantized(
  scheme: string,
  integers: PyTensor,
  dtype: string,
  parameters: readonly unknown[],
  size: readonly number[],
): PyBuilt {
  if (scheme === 'per_tensor_affine') {
    const [scale, zeroPoint] = parameters;
    const numbers = { scale: asNumber(scale, 'a scale'), zeroPoint: asInteger(zeroPoint) };
    return new PyBuilt({ kind: 'per tensor', dtype, parts: [integers], ...numbers });
  }
  if (scheme !== 'per_channel_affine' && scheme !== 'per_channel_affine_float_qparams')
    throw new Mismatch(`a quantized tensor of scheme ${scheme}`);
  const [scales, zeroPoints, axis] = parameters;
  const channel = asCount(axis, 'a quantized axis');
  const length = size[channel];
  const fits = [scales, zeroPoints].every(
    (part) => part instanceof PyTensor && part.fields.size.length === 1 && part.fields.size[0] === length,
  );
  if (!fits)
    throw new Mismatch(`scales and zero points that do not fit axis ${channel} of [${size.join(', ')}]`);
  return new PyBuilt({ kind: 'per channel', dtype, parts: [integers, scales, zeroPoints], axis: channel });
}

function asInteger(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new Mismatch(`expected an integer for a zero point, got ${describe(value)}`);
}

/** `_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)`. */
export function rebuildMeta([dtype, size, stride, requiresGrad]: readonly unknown[]): PyBuilt | PyObject {
  const name = dtype instanceof PyDType ? dtype.dtype : dtype instanceof PyName ? dtype.name : undefined;
  if (name === undefined) throw new Mismatch(`expected a dtype for a meta tensor, got ${describe(dtype)}`);
  // Torch itself makes no quantized ones, and some dtypes have no tensors here.
  if (dtype instanceof PyName) return unheldTensor(name, [null, 0, size, stride]);
  const recipe = {
    kind: 'meta',
    parts: [],
    dtype: name,
    size: asSize(size),
    stride: asSize(stride),
  } as const;
  const total = [...recipe.size].reduce((product, length) => product * Math.max(length, 1), 1);
  const fits = recipe.size.length === recipe.stride.length && Number.isSafeInteger(total);
  if (!fits) throw new Mismatch(`a meta tensor of size [${recipe.size.join(', ')}]`);
  return new PyBuilt(recipe, asBoolean(requiresGrad, 'requires_grad'));
}

/** `_rebuild_nested_tensor(buffer, sizes, strides, offsets)`. */
export function rebuildNested(args: readonly unknown[]): PyBuilt {
  const [buffer, sizes, strides, offsets] = args.slice(0, 4).map(asTensor);
  return new PyBuilt({ kind: 'nested', parts: [buffer, sizes, strides, offsets] });
}

/** `_rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad)` and its like: tensors of other devices. */
export function rebuildMoved(args: readonly unknown[], context: Context): PyTensor | PyBuilt {
  const [data, dtype, , requiresGrad] = args;
  const tensor = asTensor(data instanceof PyArray ? data.value : data);
  const grad = asBoolean(requiresGrad, 'requires_grad');
  if (!(dtype instanceof PyDType))
    throw new Mismatch(`expected a dtype for a tensor, got ${describe(dtype)}`);
  if (!(tensor instanceof PyTensor)) throw new Mismatch('expected a dense tensor');
  if (tensor.fields.dtype === dtype.dtype) return withGrad(tensor, grad);
  context.copy(
    tensor.fields.size.reduce((product, length) => product * length, layoutOf(dtype.dtype).itemsize),
  );
  return new PyBuilt({ kind: 'cast', parts: [tensor], dtype: dtype.dtype }, grad);
}

/** What BUILD gives a tensor that was made without data: `(storage, offset, size, stride)`, or a Parameter's state. */
export function setTensorState(target: PyUnbuilt, state: unknown): void {
  const items = asItems(state, 'a tensor');
  if (target.tensor !== undefined) throw new Mismatch('a tensor that is filled twice');
  if (!target.isParameter || items.length === 4) {
    const [storage] = items;
    if (!(storage instanceof PyStorage))
      throw new Mismatch(`expected a storage for a tensor, got ${describe(storage)}`);
    const tensor = geometry(storage, storage.dtype ?? 'uint8', items, false, undefined);
    target.tensor = target.isParameter ? withGrad(tensor, true) : tensor;
    return;
  }
  const [data, requiresGrad] = items.length === 5 ? [items[0], items[3]] : [items[0], items[1]];
  const tensor = asTensor(data);
  const grad = asBoolean(requiresGrad, 'requires_grad');
  target.tensor = tensor instanceof PyTensor ? withGrad(tensor, grad) : tensor.withGrad(grad);
}

function asTensor(value: unknown): PyTensor | PyBuilt {
  if (value instanceof PyTensor || value instanceof PyBuilt) return value;
  if (value instanceof PyUnbuilt && value.tensor !== undefined) return value.tensor;
  throw new Mismatch(`expected a tensor, got ${describe(value)}`);
}

function asSize(value: unknown): number[] {
  return asCounts(value, 'a tensor size', MOST_DIMENSIONS);
}
