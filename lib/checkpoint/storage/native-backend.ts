import {
  Complex,
  MappedFile,
  ops,
  type Tensor,
  tensorFromStorage,
  UntypedStorage,
} from '../../tensor/index.ts';
import type { ByteSource } from '../byte-source.ts';
import { layoutOf } from '../dtypes.ts';
import { corrupt, readFailure } from '../errors.ts';
import type { Recipe, TensorFields } from '../values.ts';
import type { FilePart, TensorBackend } from './backend.ts';
import { build } from './native-recipes.ts';

/** A storage of libtorch, or on another device a tensor of its bytes. */
type NativeStorage = UntypedStorage | { readonly moved: Tensor };

/**
 * Makes tensors of libtorch. With a path the file is mapped at the first storage, and storages share the mapping;
 * without one they are copies of the source's bytes, those of a file read by several threads.
 */
export class NativeBackend implements TensorBackend<NativeStorage, Tensor> {
  readonly #source: ByteSource;
  readonly #path: string | undefined;
  #mapped: MappedFile | undefined;
  readonly #read = new Map<number, UntypedStorage>();
  readonly #temporaries: { dispose(): void }[] = [];

  constructor(source: ByteSource, path: string | undefined) {
    this.#source = source;
    this.#path = path;
  }

  /** Reads what is not mapped in one go, straight into libtorch's memory. */
  expect(parts: readonly FilePart[]): void {
    const { descriptor } = this.#source;
    const copied = parts.filter(({ offset, alignment }) => !this.#isShared(offset, alignment));
    if (descriptor === undefined || copied.length === 0) return;
    const storages = this.#fromFile(descriptor, copied);
    for (const [index, storage] of storages.entries()) {
      this.#read.set((copied[index] as FilePart).offset, this.#keep(storage));
    }
  }

  fileStorage(offset: number, nbytes: number, alignment: number): UntypedStorage {
    const read = this.#read.get(offset);
    if (read !== undefined && read.nbytes === nbytes) return read;
    if (this.#isShared(offset, alignment))
      return this.#keep(this.#map(this.#path as string).storage(offset, nbytes));
    return this.copiedStorage(this.#source.read(offset, nbytes));
  }

  copiedStorage(bytes: Uint8Array): UntypedStorage {
    return this.#keep(UntypedStorage.fromBytes(bytes));
  }

  moveStorage(storage: UntypedStorage, device: string): NativeStorage {
    const bytes = flat(storage);
    const moved = this.#keep(bytes.to({ device }));
    if (moved !== bytes) bytes.dispose();
    return { moved };
  }

  exposeStorage(storage: NativeStorage): UntypedStorage {
    return storage instanceof UntypedStorage
      ? storage.range(0, storage.nbytes)
      : storage.moved.untypedStorage();
  }

  tensor(storage: NativeStorage, fields: TensorFields): Tensor {
    const made =
      storage instanceof UntypedStorage ? onStorage(storage, fields) : onDevice(storage.moved, fields);
    return fields.conj || fields.neg ? this.#flagged(made, fields) : withGrad(made, fields);
  }

  build(recipe: Recipe, parts: readonly unknown[], requiresGrad: boolean): Tensor {
    const made = build(recipe, parts as readonly Tensor[]);
    return requiresGrad ? made.requiresGrad_() : made;
  }

  complex(re: number, im: number): Complex {
    return new Complex(re, im);
  }

  close(): void {
    for (const temporary of this.#temporaries) temporary.dispose();
    this.#mapped?.dispose();
  }

  #isShared(offset: number, alignment: number): boolean {
    return this.#path !== undefined && offset % alignment === 0;
  }

  #fromFile(descriptor: number, parts: readonly FilePart[]): UntypedStorage[] {
    const offsets = parts.map(({ offset }) => offset);
    const sizes = parts.map(({ nbytes }) => nbytes);
    try {
      return UntypedStorage.fromFile(descriptor, offsets, sizes);
    } catch (error) {
      throw readFailure(this.#source.origin, error);
    }
  }

  #keep<T extends { dispose(): void }>(temporary: T): T {
    this.#temporaries.push(temporary);
    return temporary;
  }

  #map(path: string): MappedFile {
    this.#mapped ??= MappedFile.open(path);
    if (this.#mapped.size === this.#source.size) return this.#mapped;
    throw corrupt(this.#source.origin, 'the file changed while it was read');
  }

  #flagged(tensor: Tensor, { conj, neg, ...fields }: TensorFields): Tensor {
    const conjugated = conj ? ops.aten._conj(this.#keep(tensor)) : tensor;
    const negated = neg ? ops.aten._neg_view(this.#keep(conjugated)) : conjugated;
    return withGrad(negated as Tensor, { ...fields, conj, neg });
  }
}

function flat(storage: UntypedStorage): Tensor {
  return tensorFromStorage(storage, 'uint8', 0, [storage.nbytes], [1]);
}

function onStorage(storage: UntypedStorage, { dtype, offset, size, stride }: TensorFields): Tensor {
  return tensorFromStorage(storage, dtype, offset, [...size], [...stride]);
}

/** On other devices tensors share a storage as views on its bytes. */
function onDevice(bytes: Tensor, { dtype, offset, size, stride }: TensorFields): Tensor {
  const whole = bytes.numel() - (bytes.numel() % layoutOf(dtype).itemsize);
  const elements = bytes.narrow(0, 0, whole).view(dtype);
  const made = elements.asStrided([...size], [...stride], offset);
  elements.dispose();
  return made;
}

function withGrad(tensor: Tensor, { requiresGrad }: TensorFields): Tensor {
  return requiresGrad ? tensor.requiresGrad_() : tensor;
}
