import { Complex, isTensor, ops, scope, type Tensor, UntypedStorage } from '../../tensor/index.ts';
import { isStoredDType, type StoredDType } from '../dtypes.ts';
import type { InspectedElements, InspectedStorage, InspectedTensor, TensorSource } from './tensor-source.ts';

const LARGEST_PIECE = 1 << 28;

/** Looks into tensors of libtorch for the writer. */
export class NativeTensorSource implements TensorSource {
  readonly #temporaries: { dispose(): void }[] = [];

  tensor(value: object, path: string): InspectedTensor | undefined {
    if (!isTensor(value)) return undefined;
    const dtype = checkedDType(value, path);
    const plain = this.#resolved(value);
    return {
      dtype,
      storage: inspect(this.#keep(plain.untypedStorage()), plain),
      offset: plain.storageOffset(),
      size: plain.shape,
      stride: plain.stride(),
      requiresGrad: value.requiresGrad,
    };
  }

  elements(value: object, path: string): InspectedElements | undefined {
    if (!isTensor(value)) return undefined;
    return { dtype: checkedDType(value, path), size: value.shape, pieces: () => elementPieces(value) };
  }

  storage(value: object): InspectedStorage | undefined {
    return value instanceof UntypedStorage ? inspect(value) : undefined;
  }

  complex(value: object): readonly [number, number] | undefined {
    return value instanceof Complex ? [value.re, value.im] : undefined;
  }

  /** Lets go of the storages that were looked at. */
  close(): void {
    for (const temporary of this.#temporaries) temporary.dispose();
  }

  #keep<T extends { dispose(): void }>(temporary: T): T {
    this.#temporaries.push(temporary);
    return temporary;
  }

  /** The tensor itself, or a copy where conjugation or negation was put off. */
  #resolved(tensor: Tensor): Tensor {
    const conjugated = this.#keep(ops.aten.resolve_conj(tensor));
    return this.#keep(ops.aten.resolve_neg(conjugated));
  }
}

/** A storage by itself, or under a tensor, which says where it is. */
function inspect(storage: UntypedStorage, tensor?: Tensor): InspectedStorage {
  const { nbytes } = storage;
  const location = tensor?.device ?? 'cpu';
  const identity = nbytes === 0 ? storage : `${location} ${storage.dataPtr()} ${nbytes}`;
  const pieces = () =>
    tensor === undefined || location === 'cpu' ? piecesOf(storage) : piecesOnDevice(tensor, nbytes);
  return { identity, nbytes, location, pieces };
}

/** One typed array cannot be larger than 4 GiB on Node 20, one write not larger than 2 GiB. */
function* piecesOf(storage: UntypedStorage): Generator<Uint8Array> {
  const { nbytes } = storage;
  for (let at = 0; at < nbytes; at += LARGEST_PIECE) {
    const piece = storage.range(at, Math.min(LARGEST_PIECE, nbytes - at));
    yield piece.bytes();
    piece.dispose();
  }
}

function* piecesOnDevice(tensor: Tensor, nbytes: number): Generator<Uint8Array> {
  const whole = tensor.detach().asStrided([Math.floor(nbytes / tensor.itemsize)], [1], 0);
  const copy = whole.to('cpu');
  yield* piecesOf(copy.untypedStorage());
  for (const temporary of [whole, copy]) temporary.dispose();
}

/** One contiguous copy on the CPU at a time, where the tensor is not that already. */
function* elementPieces(tensor: Tensor): Generator<Uint8Array> {
  const rows = scope(() => {
    const plain = ops.aten.resolve_neg(ops.aten.resolve_conj(tensor.detach().to('cpu'))) as Tensor;
    return plain.contiguous();
  });
  const storage = rows.untypedStorage();
  const range = storage.range(rows.storageOffset() * rows.itemsize, rows.numel() * rows.itemsize);
  yield* piecesOf(range);
  for (const temporary of [range, storage, rows]) temporary.dispose();
}

function checkedDType(tensor: Tensor, path: string): StoredDType {
  const { dtype, layout, device } = tensor;
  if (layout !== 'strided')
    throw new TypeError(`Expected a dense tensor for ${path}, got ${layout}; save toDense()`);
  if (device.startsWith('meta'))
    throw new TypeError(`Expected a tensor with data for ${path}, got one on meta`);
  if (isStoredDType(dtype)) return dtype;
  throw new TypeError(`Expected a dtype that checkpoints hold for ${path}, got ${dtype}; save dequantize()`);
}
