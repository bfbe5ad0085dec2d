import type { ByteSource } from './byte-source.ts';
import { corrupt } from './errors.ts';

const WINDOW = 1 << 16;
const LONGEST_LINE = 1 << 16;
const LINE_FEED = 10;

/** Reads a range of a source from front to back through a small window; no length is trusted. */
export class ByteCursor {
  readonly source: ByteSource;
  position: number;
  readonly #end: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(source: ByteSource, start = 0, end = source.size) {
    this.source = source;
    this.position = start;
    this.#end = end;
  }

  /** Bytes from the position to the end of the range. */
  get remaining(): number {
    return this.#end - this.position;
  }

  u8(): number {
    const at = this.#advance(1);
    return this.#window[at] as number;
  }

  u16(): number {
    const at = this.#advance(2);
    return this.#window.readUInt16LE(at);
  }

  i32(): number {
    const at = this.#advance(4);
    return this.#window.readInt32LE(at);
  }

  u32(): number {
    const at = this.#advance(4);
    return this.#window.readUInt32LE(at);
  }

  /**
   * An unsigned 64-bit length; one beyond 2^53 cannot fit any file. `window` is how much to read at once where it is
   * not in memory yet: little, if what follows will be jumped over.
   */
  u64(window = WINDOW): number {
    const at = this.#advance(8, window);
    const value = this.#window.readBigUInt64LE(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#short(`${value} bytes`);
    return Number(value);
  }

  f64(): number {
    const at = this.#advance(8);
    return this.#window.readDoubleBE(at);
  }

  /** The next `length` bytes, valid until the next call. */
  take(length: number): Buffer {
    const at = this.#advance(length);
    return this.#window.subarray(at, at + length);
  }

  /** The text up to the next line feed, which is consumed and not returned. */
  line(): string {
    const longest = Math.min(this.remaining, LONGEST_LINE);
    this.#cover(Math.min(longest, 256));
    let found = this.#lineFeed();
    if (found < 0) {
      this.#cover(longest);
      found = this.#lineFeed();
    }
    if (found < 0 || found >= longest) throw this.#short('a line');
    const text = this.take(found).toString('latin1');
    this.position += 1;
    return text;
  }

  #lineFeed(): number {
    return this.#window.subarray(this.position - this.#windowStart).indexOf(LINE_FEED);
  }

  /** Moves past `length` bytes and returns where they lie in the window. */
  #advance(length: number, window = WINDOW): number {
    if (length > this.remaining) throw this.#short(length === 1 ? '1 byte' : `${length} bytes`);
    this.#cover(length, window);
    const at = this.position - this.#windowStart;
    this.position += length;
    return at;
  }

  #cover(length: number, window = WINDOW): void {
    const start = this.position - this.#windowStart;
    if (start >= 0 && start + length <= this.#window.length) return;
    const wanted = Math.min(Math.max(length, window), this.remaining);
    const bytes = this.source.read(this.position, wanted);
    this.#window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#windowStart = this.position;
  }

  #short(what: string) {
    return corrupt(this.source.origin, `cut off: ${what} expected at byte ${this.position}`);
  }
}
