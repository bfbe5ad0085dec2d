import type { ByteSource } from '../byte-source.ts';
import { type DTypeLayout, layoutOf, type StoredDType } from '../dtypes.ts';
import { corrupt, printable, unsupported } from '../errors.ts';
import type { PyStorage } from '../values.ts';
import type { FilePart, TensorBackend } from './backend.ts';

/** Where a storage's bytes lie in the file. */
export interface Extent {
  readonly offset: number;
  readonly nbytes: number;
  /** Where the file does not have them as they are: what unpacks them. */
  readonly unpack?: () => Uint8Array;
}

/** How a format finds storages. */
export interface StorageLayout {
  readonly bigEndian: boolean;
  locate(storage: PyStorage): Extent | undefined;
}

/** The device for tensors saved on `location`, such as `cuda:0`. */
export type MapLocation = string | ((location: string) => string);

type Inline = NonNullable<PyStorage['inline']>;

interface Entry {
  readonly storage: unknown;
  readonly extent: Extent;
  readonly layout: DTypeLayout;
}

/** The storages of one file, each made once, however many tensors refer to it. */
export class StorageTable {
  readonly #source: ByteSource;
  readonly #backend: TensorBackend;
  readonly #layout: StorageLayout;
  readonly #mapLocation: MapLocation;
  readonly #entries = new Map<string, Entry>();
  readonly #extents = new Map<string, Extent>();
  readonly #inline = new Map<PyStorage, unknown>();

  constructor(source: ByteSource, backend: TensorBackend, layout: StorageLayout, mapLocation: MapLocation) {
    this.#source = source;
    this.#backend = backend;
    this.#layout = layout;
    this.#mapLocation = mapLocation;
  }

  /**
   * Tells the backend which parts of the file will be wanted. What is wrong with one of them is left to be found, with
   * the key, when a tensor needs it.
   */
  announce(storages: Iterable<PyStorage>): void {
    if (this.#backend.expect === undefined || this.#layout.bigEndian) return;
    const parts: FilePart[] = [];
    for (const storage of storages) {
      const extent = this.#locate(storage);
      if (extent === undefined || extent.nbytes !== storage.numel * itemsizeOf(storage)) continue;
      if (extent.unpack !== undefined) continue;
      const { offset, nbytes } = extent;
      if (nbytes > 0) parts.push({ offset, nbytes, alignment: alignmentOf(storage) });
    }
    this.#backend.expect(parts);
  }

  /** The storage for elements of `dtype`. `key` is the tensor's place, for messages. */
  resolve(storage: PyStorage, dtype: StoredDType, key: string): unknown {
    const layout = layoutOf(dtype);
    if (storage.inline !== undefined) return this.#fromPickle(storage, storage.inline, layout);
    const entry = this.#entries.get(storage.key) ?? this.#add(storage, layout, key);
    this.#checkSize(storage, entry.extent, key);
    this.#checkUnit(entry, layout, key);
    return entry.storage;
  }

  /** Bytes of the pickle itself have nothing to do with the storages' byte order and devices. */
  #fromPickle(storage: PyStorage, { bytes, bigEndian }: Inline, { swapUnit }: DTypeLayout): unknown {
    const known = this.#inline.get(storage);
    if (known !== undefined) return known;
    const isSwapped = bigEndian && swapUnit > 1;
    const made = this.#backend.copiedStorage(isSwapped ? swapped(Buffer.from(bytes), swapUnit) : bytes);
    this.#inline.set(storage, made);
    return made;
  }

  #add(storage: PyStorage, layout: DTypeLayout, key: string): Entry {
    const extent = this.#locate(storage);
    if (!extent)
      throw corrupt(this.#source.origin, `storage "${printable(storage.key)}" is not in the file`, key);
    this.#checkSize(storage, extent, key);
    const entry = { storage: this.#make(storage, extent, layout), extent, layout };
    this.#entries.set(storage.key, entry);
    return entry;
  }

  #locate(storage: PyStorage): Extent | undefined {
    const known = this.#extents.get(storage.key);
    if (known !== undefined) return known;
    const extent = this.#layout.locate(storage);
    if (extent !== undefined) this.#extents.set(storage.key, extent);
    return extent;
  }

  #checkSize(storage: PyStorage, { nbytes }: Extent, key: string): void {
    const expected = storage.numel * itemsizeOf(storage);
    if (nbytes === expected) return;
    const detail = `storage "${printable(storage.key)}" has ${nbytes} bytes where ${expected} were announced`;
    throw corrupt(this.#source.origin, detail, key);
  }

  /** A storage was swapped and aligned for the first dtype; another one must fit what was done. */
  #checkUnit({ extent, layout: first }: Entry, layout: DTypeLayout, key: string): void {
    const isSwapped = this.#layout.bigEndian && first.swapUnit !== layout.swapUnit;
    const isUnaligned =
      first.itemsize < layout.itemsize &&
      extent.offset % layout.itemsize !== 0 &&
      extent.unpack === undefined;
    if (!isSwapped && !isUnaligned) return;
    throw unsupported(this.#source.origin, 'a storage with numbers of two sizes', 'save copies instead', key);
  }

  #make(storage: PyStorage, extent: Extent, layout: DTypeLayout): unknown {
    const device = this.#device(storage.location);
    const made = this.#read(extent, layout);
    return device === 'cpu' ? made : this.#backend.moveStorage(made, device);
  }

  #device(location: string): string {
    return typeof this.#mapLocation === 'string' ? this.#mapLocation : this.#mapLocation(location);
  }

  #read({ offset, nbytes, unpack }: Extent, layout: DTypeLayout): unknown {
    if (nbytes === 0) return this.#backend.copiedStorage(new Uint8Array(0));
    const isSwapped = this.#layout.bigEndian && layout.swapUnit > 1;
    if (unpack === undefined && !isSwapped) return this.#backend.fileStorage(offset, nbytes, layout.itemsize);
    const bytes = Buffer.from(unpack?.() ?? this.#source.read(offset, nbytes));
    if (!isSwapped) return this.#backend.copiedStorage(bytes);
    return this.#backend.copiedStorage(swapped(bytes, layout.swapUnit));
  }
}

/** Bytes per element of a storage; untyped ones count bytes. */
export function itemsizeOf(storage: PyStorage): number {
  return storage.dtype === undefined ? 1 : layoutOf(storage.dtype).itemsize;
}

/** Untyped storages may hold any dtype. */
function alignmentOf({ dtype }: PyStorage): number {
  return dtype === undefined ? 16 : layoutOf(dtype).itemsize;
}

function swapped(bytes: Buffer, unit: number): Buffer {
  const whole = bytes.subarray(0, bytes.length - (bytes.length % unit));
  if (unit === 2) whole.swap16();
  else if (unit === 4) whole.swap32();
  else whole.swap64();
  return bytes;
}
