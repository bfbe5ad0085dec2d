import { layoutOf, type StoredDType } from '../dtypes.ts';
import { PyBuilt, PyDict, PyDType, PyName, PyObject, PyStorage, PyTensor } from '../values.ts';
import { asBoolean, asCount, asCounts, asItems, asString, describe, Mismatch } from './checks.ts';

const MOST_DIMENSIONS = 64;

/** `torch._utils._rebuild_tensor(storage, offset, size, stride)`, from before PyTorch 0.4. */
export function rebuildTensor(args: readonly unknown[]): PyTensor {
  const storage = asStorage(args[0]);
  return geometry(storage, typed(storage), args, false, undefined);
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None)`. */
export function rebuildTensorV2(args: readonly unknown[]): PyTensor {
  const storage = asStorage(args[0]);
  return geometry(storage, typed(storage), args, asBoolean(args[4], 'requires_grad'), args[6]);
}

/** `_rebuild_tensor_v3(..., hooks, dtype, metadata=None)`, for dtypes that never had a storage class. */
export function rebuildTensorV3(args: readonly unknown[]): PyTensor | PyObject {
  const dtype = args[6];
  if (dtype instanceof PyName) return unheldTensor(dtype.name, args.slice(0, 4));
  if (!(dtype instanceof PyDType))
    throw new Mismatch(`expected a dtype for a tensor, got ${describe(dtype)}`);
  const storage = asStorage(args[0]);
  if (storage.dtype !== undefined && storage.dtype !== dtype.dtype) {
    throw new Mismatch(`expected a storage of ${dtype.dtype}, got one of ${storage.dtype}`);
  }
  return geometry(storage, dtype.dtype, args, asBoolean(args[4], 'requires_grad'), args[7]);
}

/** A tensor of a dtype that there are no tensors of here: its storage, offset, size and stride, with the dtype's name. */
export function unheldTensor(dtype: string, args: readonly unknown[], quantizer?: unknown): PyObject {
  const object = new PyObject('torch.Tensor', args);
  const state = new PyDict('dict');
  state.set('dtype', dtype);
  if (quantizer !== undefined) state.set('quantizer', quantizer);
  object.state = state;
  return object;
}

/** `_rebuild_parameter(data, requires_grad, hooks)`; a fourth argument (attributes) is not looked at. */
export function rebuildParameter(args: readonly unknown[]): PyTensor | PyBuilt | PyObject {
  const [data, requiresGrad] = args;
  if (data instanceof PyTensor) return withGrad(data, asBoolean(requiresGrad, 'requires_grad'));
  if (data instanceof PyObject) return data;
  if (data instanceof PyBuilt) return data.withGrad(asBoolean(requiresGrad, 'requires_grad'));
  throw new Mismatch(`expected a tensor for a Parameter, got ${describe(data)}`);
}

/** The tensor with `requires_grad` set. */
export function withGrad(data: PyTensor, requiresGrad: boolean): PyTensor {
  checkGrad(data.fields.dtype, requiresGrad);
  return new PyTensor({ ...data.fields, requiresGrad });
}

/** A tensor on a storage; the arguments begin with storage, offset, size and stride. */
export function geometry(
  storage: PyStorage,
  dtype: StoredDType,
  args: readonly unknown[],
  requiresGrad: boolean,
  metadata: unknown,
): PyTensor {
  const offset = asCount(args[1], 'a storage offset');
  const size = asCounts(args[2], 'a tensor size', MOST_DIMENSIONS);
  const stride = asCounts(args[3], 'a tensor stride', MOST_DIMENSIONS);
  if (size.length !== stride.length) {
    throw new Mismatch(`expected ${size.length} strides for a tensor, got ${stride.length}`);
  }
  checkGrad(dtype, requiresGrad);
  return new PyTensor({ storage, dtype, offset, size, stride, requiresGrad, ...bits(metadata, dtype) });
}

function checkGrad(dtype: StoredDType, requiresGrad: boolean): void {
  if (requiresGrad && !layoutOf(dtype).differentiable)
    throw new Mismatch(`requires_grad on a tensor of ${dtype}`);
}

function bits(metadata: unknown, dtype: StoredDType): { conj: boolean; neg: boolean } {
  if (metadata === undefined || metadata === null) return { conj: false, neg: false };
  if (!(metadata instanceof PyDict)) throw new Mismatch(`expected a dict for tensor metadata`);
  const found = { conj: false, neg: false };
  for (const [key, value] of metadata.entries) {
    if (key !== 'conj' && key !== 'neg') throw new Mismatch(`unknown tensor metadata ${describe(key)}`);
    found[key] = asBoolean(value, key);
  }
  if (found.conj && !dtype.startsWith('complex')) throw new Mismatch(`conj on a tensor of ${dtype}`);
  return found;
}

function asStorage(value: unknown): PyStorage {
  if (value instanceof PyStorage && value.quantized === undefined) return value;
  throw new Mismatch(`expected a storage for a tensor, got ${describe(value)}`);
}

function typed(storage: PyStorage): StoredDType {
  return storage.dtype ?? 'uint8';
}

/** torch's persistent id: `('storage', class, key, location, numel[, view])`. */
export function storageFromId(
  items: readonly unknown[],
  dtype: StoredDType | undefined,
  quantized?: string,
): PyStorage {
  const [, , key, location, numel, view] = items;
  return new PyStorage({
    key: typeof key === 'number' ? String(key) : asString(key, 'a storage key'),
    dtype,
    location: asString(location, 'a storage location'),
    numel: asCount(numel, 'a storage size'),
    view: viewFrom(view),
    quantized,
  });
}

function viewFrom(view: unknown): { offset: number; numel: number } | undefined {
  if (view === undefined || view === null) return undefined;
  const [, offset, numel] = asItems(view, 'a storage view');
  return { offset: asCount(offset, 'a storage view offset'), numel: asCount(numel, 'a storage view size') };
}
