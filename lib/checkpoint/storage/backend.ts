import type { Recipe, TensorFields } from '../values.ts';

/** Bytes of the file that will be asked for as a storage. */
export interface FilePart {
  readonly offset: number;
  readonly nbytes: number;
  readonly alignment: number;
}

/**
 * What the reader needs of the tensor layer. The reader itself is plain TypeScript and runs on any
 * implementation, so that tests can read files without libtorch.
 */
export interface TensorBackend<Storage = unknown, Tensor = unknown> {
  /** Told of what is to come before the first storage, so that what has to be copied can be read at once. */
  expect?(parts: readonly FilePart[]): void;
  /**
   * Bytes of the file as a storage. It shares the file's mapping (copy-on-write) where `alignment` divides the
   * offset and is a copy elsewhere. The range has been checked against the file.
   */
  fileStorage(offset: number, nbytes: number, alignment: number): Storage;
  /** A storage with a copy of `bytes`. */
  copiedStorage(bytes: Uint8Array): Storage;
  /** The storage on another device. */
  moveStorage(storage: Storage, device: string): Storage;
  /** What the user gets for a storage that the file holds by itself. */
  exposeStorage(storage: Storage): unknown;
  /** A tensor on the storage; the geometry has been checked. */
  tensor(storage: Storage, fields: TensorFields): Tensor;
  /** A tensor of another kind, made of the recipe's parts in order. What libtorch says against it is an error. */
  build(recipe: Recipe, parts: readonly unknown[], requiresGrad: boolean): unknown;
  /** A complex number. */
  complex(re: number, im: number): unknown;
  /** Called once when the file has been read; storages stay valid. */
  close(): void;
}
