import { Complex, isTensor, type Tensor, type UntypedStorage } from '../../tensor/index.ts';
import { layoutOf } from '../dtypes.ts';
import type { Recipe, TensorFields } from '../values.ts';
import type { FilePart, TensorBackend } from './backend.ts';
import type { NativeBackend } from './native-backend.ts';

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

  get dtype(): string {
    return this.fields.dtype;
  }

  get shape(): readonly number[] {
    return this.fields.size;
  }

  get nbytes(): number {
    return this.shape.reduce((product, size) => product * size, 1) * layoutOf(this.fields.dtype).itemsize;
  }

  /** The device that the file's tensor goes to. */
  get device(): string {
    return this.storage.kind === 'moved' ? this.storage.device : 'cpu';
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

  /** Of the numbers in the file. */
  get nbytes(): number {
    const sizes = this.parts.map((part) => (isPlanned(part) ? part.nbytes : 0));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

/** Whether a value stands for a tensor that has not been read. */
export function isPlanned(value: unknown): value is PlannedTensor | PlannedBuild {
  return value instanceof PlannedTensor || value instanceof PlannedBuild;
}

/** Whether a value of a file is a tensor, read or only planned. */
export function isTensorLike(value: unknown): value is Tensor {
  return isTensor(value) || isPlanned(value);
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
  readonly #device: string | undefined;
  readonly #storages = new Map<PlannedStorage, NativeStorage>();
  readonly #tensors = new Map<PlannedTensor | PlannedBuild, Tensor>();

  /** @param device Where tensors go that were saved elsewhere; default where their plans say. */
  constructor(backend: NativeBackend, device?: string) {
    this.#backend = backend;
    this.#device = device;
  }

  /** The tensor of a plan; any other value as it is. Reads are done at once where all plans are given to `expect`. */
  value(planned: unknown): unknown {
    if (!isPlanned(planned)) return planned;
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
    const made = this.#storage(planned.from);
    const device = this.#device ?? planned.device;
    return device === 'cpu' ? made : this.#backend.moveStorage(made as UntypedStorage, device);
  }
}

function filePartsOf(value: unknown): FilePart[] {
  if (value instanceof PlannedBuild) return value.parts.flatMap(filePartsOf);
  if (!(value instanceof PlannedTensor)) return [];
  let { storage } = value;
  while (storage.kind === 'moved') storage = storage.from;
  return storage.kind === 'file' ? [storage] : [];
}
