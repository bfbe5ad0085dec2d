import type { StoredDType } from '../dtypes.ts';

/** A storage to be written. Two with the same `identity` are one. */
export interface InspectedStorage {
  readonly identity: unknown;
  readonly nbytes: number;
  readonly location: string;
  /** All bytes, in pieces and without a copy where they are in the CPU's memory. Each call begins anew. */
  pieces(): Iterable<Uint8Array>;
}

/** A tensor to be written. */
export interface InspectedTensor {
  readonly storage: InspectedStorage;
  readonly dtype: StoredDType;
  readonly offset: number;
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly requiresGrad: boolean;
}

/** A tensor's elements to be written, without its strides. */
export interface InspectedElements {
  readonly dtype: StoredDType;
  readonly size: readonly number[];
  /** The elements' bytes in row-major order, in pieces. Each call begins anew. */
  pieces(): Iterable<Uint8Array>;
}

/** What the writer needs of the tensor layer: how to look into values that are not plain. */
export interface TensorSource {
  tensor(value: object, path: string): InspectedTensor | undefined;
  elements(value: object, path: string): InspectedElements | undefined;
  storage(value: object): InspectedStorage | undefined;
  complex(value: object): readonly [re: number, im: number] | undefined;
}
