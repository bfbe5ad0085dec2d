import type { Handle } from '../binding.ts';
import { NativeObject, unwrap } from '../ops/index.ts';
import { native } from './native.ts';

/** Untyped bytes under one or more tensors, as torch.UntypedStorage. */
export class UntypedStorage extends NativeObject {
  /** A storage with a copy of `bytes`. */
  static fromBytes(bytes: Uint8Array): UntypedStorage {
    return new UntypedStorage(native.storageFromCopy(bytes));
  }

  /**
   * New storages with parts of an open file, read by several threads.
   *
   * @throws TorchError `ERR_FILE` where the file ends early or cannot be read.
   */
  static fromFile(descriptor: number, offsets: number[], sizes: number[]): UntypedStorage[] {
    return native.readStorages(descriptor, offsets, sizes).map((handle) => new UntypedStorage(handle));
  }

  /** A storage of zeros whose memory goes back to the system with it, instead of being kept for the next tensor. */
  static ofPages(nbytes: number): UntypedStorage {
    return new UntypedStorage(native.pagesStorage(nbytes));
  }

  /** Size in bytes. */
  get nbytes(): number {
    return native.storageBytes(unwrap(this));
  }

  /** Address of the first byte: equal for storages that share memory. */
  dataPtr(): bigint {
    return native.storagePointer(unwrap(this));
  }

  /**
   * The bytes themselves, without a copy: writes show in every tensor over them. The view keeps the memory alive.
   *
   * @throws RangeError when the storage is not on the CPU.
   */
  bytes(): Uint8Array {
    return new Uint8Array(native.storageView(unwrap(this)));
  }

  /** Copies bytes to `byteOffset`. @throws RangeError outside the storage. */
  write(byteOffset: number, bytes: Uint8Array): void {
    native.storageWrite(unwrap(this), byteOffset, bytes);
  }

  /** Part of this storage's memory, which it keeps alive. */
  range(byteOffset: number, nbytes: number): UntypedStorage {
    return new UntypedStorage(native.storageRange(unwrap(this), byteOffset, nbytes));
  }

  dispose(): void {
    native.dispose(unwrap(this));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A file mapped into memory: opening reads nothing, pages come when they are touched. The mapping is private:
 * writing to a tensor over it never changes the file. Storages made from it keep it alive.
 *
 * @example
 * const file = MappedFile.open('weights.bin');
 * const storage = file.storage(64, 4096);
 */
export class MappedFile {
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  readonly #whole: UntypedStorage;

  private constructor(path: string, handle: Handle, size: number) {
    this.path = path;
    this.size = size;
    this.#whole = new UntypedStorage(handle);
  }

  /** @throws TorchError `ERR_FILE` when `path` is no readable regular file. */
  static open(path: string): MappedFile {
    const [handle, size] = native.mapFile(path);
    return new MappedFile(path, handle, size);
  }

  /** A storage over `nbytes` of the file, without a copy. @throws RangeError outside the file. */
  storage(byteOffset: number, nbytes: number): UntypedStorage {
    return this.#whole.range(byteOffset, nbytes);
  }

  /** A copy of `length` bytes from `offset`. @throws RangeError outside the file. */
  bytes(offset: number, length: number): Uint8Array {
    return new Uint8Array(native.storageCopy(unwrap(this.#whole), offset, length));
  }

  /** Lets go of the mapping; it goes when the last storage over it does. */
  dispose(): void {
    this.#whole.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
