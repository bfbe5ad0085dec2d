import { Complex, isTensor, type Tensor } from '../tensor/index.ts';
import type { FilePart, TensorBackend } from './backend.ts';
import type { NativeBackend } from './native-backend.ts';
import type { Recipe, TensorFields } from './pickle/values.ts';

/** A storage that has not been read. */
export type PlannedStorage =
  | ({ readonly kind: 'file' } & FilePart)
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'moved'; readonly from: PlannedStorage; readonly device: string };

/** A tensor of a file whose numbers have not been read. */
export class PlannedTensor {
  readonly storage: PlannedStorage;
  readonly fields: TensorFields;

  constructor(storage: PlannedStorage, fields: TensorFields) {
    this.storage = storage;
    this.fields = fields;
  }
}

/** A tensor of another kind (sparse, quantized, nested, on meta), to be made of its parts. */
export class PlannedBuild {
  readonly recipe: Recipe;
  readonly parts: readonly unknown[];
  readonly requiresGrad: boolean;

  constructor(recipe: Recipe, parts: readonly unknown[], requiresGrad: boolean) {
    this.recipe = recipe;
    this.parts = parts;
    this.requiresGrad = requiresGrad;
  }
}

/** Whether a value of a file is a tensor, read or only planned. */
export function isTensorLike(value: unknown): value is Tensor {
  return isTensor(value) || value instanceof PlannedTensor || value instanceof PlannedBuild;
}

/** Makes plans of tensors: everything in a file but the numbers. */
export class PlannedBackend implements TensorBackend<PlannedStorage, PlannedTensor> {
  fileStorage(offset: number, nbytes: number, alignment: number): PlannedStorage {
    return { kind: 'file', offset, nbytes, alignment };
  }

  copiedStorage(bytes: Uint8Array): PlannedStorage {
    return { kind: 'bytes', bytes };
  }

  moveStorage(from: PlannedStorage, device: string): PlannedStorage {
    return { kind: 'moved', from, device };
  }

  exposeStorage(storage: PlannedStorage): PlannedStorage {
    return storage;
  }

  tensor(storage: PlannedStorage, fields: TensorFields): PlannedTensor {
    return new PlannedTensor(storage, fields);
  }

  build(recipe: Recipe, parts: readonly unknown[], requiresGrad: boolean): PlannedBuild {
    return new PlannedBuild(recipe, parts, requiresGrad);
  }

  complex(re: number, im: number): Complex {
    return new Complex(re, im);
  }

  close(): void {}
}

type NativeStorage = ReturnType<NativeBackend['moveStorage']>;

/** Carries out plans: what one plan stands for is one tensor, and plans over one storage share it. */
export class Realizer {
  readonly #backend: NativeBackend;
  readonly #storages = new Map<PlannedStorage, NativeStorage>();
  readonly #tensors = new Map<PlannedTensor | PlannedBuild, Tensor>();

  constructor(backend: NativeBackend) {
    this.#backend = backend;
  }

  /** The tensor of a plan; any other value as it is. Reads are done at once where all plans are given to `expect`. */
  value(planned: unknown): unknown {
    if (!(planned instanceof PlannedTensor || planned instanceof PlannedBuild)) return planned;
    const made = this.#tensors.get(planned) ?? this.#make(planned);
    this.#tensors.set(planned, made);
    return made;
  }

  /** Reads the numbers of these plans. */
  expect(values: Iterable<unknown>): void {
    const parts = new Set<FilePart>();
    for (const value of values) for (const part of filePartsOf(value)) parts.add(part);
    this.#backend.expect([...parts]);
  }

  #make(planned: PlannedTensor | PlannedBuild): Tensor {
    if (planned instanceof PlannedTensor)
      return this.#backend.tensor(this.#storage(planned.storage), planned.fields);
    const parts = planned.parts.map((part) => this.value(part));
    return this.#backend.build(planned.recipe, parts, planned.requiresGrad) as Tensor;
  }

  #storage(planned: PlannedStorage): NativeStorage {
    const made = this.#storages.get(planned) ?? this.#makeStorage(planned);
    this.#storages.set(planned, made);
    return made;
  }

  #makeStorage(planned: PlannedStorage): NativeStorage {
    if (planned.kind === 'bytes') return this.#backend.copiedStorage(planned.bytes);
    if (planned.kind === 'file')
      return this.#backend.fileStorage(planned.offset, planned.nbytes, planned.alignment);
    return this.#backend.moveStorage(this.#storage(planned.from) as never, planned.device);
  }
}

function filePartsOf(value: unknown): FilePart[] {
  if (value instanceof PlannedBuild) return value.parts.flatMap(filePartsOf);
  if (!(value instanceof PlannedTensor)) return [];
  let { storage } = value;
  while (storage.kind === 'moved') storage = storage.from;
  return storage.kind === 'file' ? [storage] : [];
}
