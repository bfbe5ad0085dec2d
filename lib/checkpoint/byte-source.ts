import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { corrupt, fileOrigin, type Origin, readFailure } from './errors.ts';

/**
 * Random access to bytes. `read` returns exactly `length` bytes or throws a `CheckpointError`; it may use the
 * memory of `scratch` for them.
 */
export interface ByteSource {
  readonly origin: Origin;
  readonly size: number;
  /** The open file, for reading past JavaScript. */
  readonly descriptor?: number;
  read(offset: number, length: number, scratch?: Uint8Array): Uint8Array;
  /** Whether somebody wrote to the bytes since they were opened. */
  hasChanged?(): boolean;
  close(): void;
}

// readSync refuses 2 GiB and more.
const LARGEST_READ = 1 << 30;

/** A file read piece by piece with `pread`; only what is asked for comes into memory. */
export class FileSource implements ByteSource {
  readonly origin: Origin;
  readonly size: number;
  readonly descriptor: number;
  readonly #written: bigint;

  constructor(path: string) {
    this.origin = fileOrigin(path);
    this.descriptor = openForReading(this.origin);
    const stat = fstatSync(this.descriptor, { bigint: true });
    if (!stat.isFile()) {
      this.close();
      throw readFailure(this.origin, new Error('not a regular file'));
    }
    this.size = Number(stat.size);
    this.#written = stat.mtimeNs;
  }

  read(offset: number, length: number, scratch?: Uint8Array): Uint8Array {
    checkRange(this, offset, length);
    const bytes = scratch?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const count = this.#pread(bytes, filled, length - filled, offset + filled);
      if (count === 0)
        throw corrupt(this.origin, `the file was cut off at byte ${offset + filled} while it was read`);
      filled += count;
    }
    return bytes;
  }

  hasChanged(): boolean {
    const { size, mtimeNs } = fstatSync(this.descriptor, { bigint: true });
    return Number(size) !== this.size || mtimeNs !== this.#written;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  #pread(bytes: Uint8Array, at: number, length: number, position: number): number {
    try {
      return readSync(this.descriptor, bytes, at, Math.min(length, LARGEST_READ), position);
    } catch (error) {
      throw readFailure(this.origin, error);
    }
  }
}

/** Bytes already in memory. `read` returns views. */
export class BufferSource implements ByteSource {
  readonly origin: Origin;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, origin: Origin = { path: '<buffer>', name: '<buffer>' }) {
    this.origin = origin;
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length);
    return this.#bytes.subarray(offset, offset + length);
  }

  close(): void {}
}

function openForReading(origin: Origin): number {
  try {
    return openSync(origin.path, 'r');
  } catch (error) {
    throw readFailure(origin, error);
  }
}

function checkRange(source: ByteSource, offset: number, length: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (valid && offset + length <= source.size) return;
  throw corrupt(
    source.origin,
    `${length} bytes expected at byte ${offset}, but the file has ${source.size} bytes`,
  );
}
