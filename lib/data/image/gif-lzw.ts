import type { Sliced } from './pixels.ts';
import { truncated, Unreadable } from './unreadable.ts';

const TABLE = 4096;
/** Codes and indices between two pauses. */
const SLICE = 1 << 16;

/**
 * Expands GIF's variable-length LZW codes to `count` indices, and stops there.
 *
 * @param start where the size of the smallest code stands, before the blocks of data
 * @throws Unreadable for codes that are not in the table, and where the data ends too early
 */
export function* decodeLzw(file: Buffer, start: number, count: number): Sliced<Uint8Array> {
  const bits = file[start] ?? 0;
  if (bits < 1 || bits > 8) throw new Unreadable(`its smallest code has ${bits} bits, not 1 to 8`);
  const codes = new CodeReader(file, start + 1);
  const table = new CodeTable(bits);
  const indices = new Uint8Array(count);
  let work = 0;
  for (let to = 0; to < count; ) {
    const code = codes.read(table.codeSize);
    if (code === table.end) throw truncated();
    const before = to;
    if (code === table.clear) table.reset();
    else to = table.expand(code, indices, to);
    work += 1 + to - before;
    if (work < SLICE) continue;
    work = 0;
    yield;
  }
  return indices;
}

/** The strings of indices that codes stand for; each code but the first after a reset adds one. */
class CodeTable {
  readonly clear: number;
  readonly end: number;
  codeSize = 0;
  readonly #prefix = new Uint16Array(TABLE);
  readonly #suffix = new Uint8Array(TABLE);
  readonly #stack = new Uint8Array(TABLE + 1);
  #next = 0;
  #last = -1;
  #first = 0;

  constructor(bits: number) {
    this.clear = 1 << bits;
    this.end = this.clear + 1;
    this.reset();
  }

  reset(): void {
    this.codeSize = 32 - Math.clz32(this.clear);
    this.#next = this.clear + 2;
    this.#last = -1;
  }

  /** Writes what a code stands for from `to` on, to the array's end at most; returns where it ends. */
  expand(code: number, indices: Uint8Array, to: number): number {
    const isFirst = this.#last < 0;
    if (code > this.#next || (isFirst && code > this.clear)) {
      throw new Unreadable('a code of its data is unknown');
    }
    const stack = this.#stack;
    let depth = 0;
    let walk = code;
    if (code === this.#next) {
      stack[depth++] = this.#first;
      walk = this.#last;
    }
    for (; walk > this.clear; walk = this.#prefix[walk] as number) {
      stack[depth++] = this.#suffix[walk] as number;
    }
    this.#first = walk;
    stack[depth++] = walk;
    if (!isFirst) this.#add();
    this.#last = code;
    let at = to;
    while (depth > 0 && at < indices.length) indices[at++] = stack[--depth] as number;
    return at;
  }

  #add(): void {
    if (this.#next >= TABLE) return;
    this.#prefix[this.#next] = this.#last;
    this.#suffix[this.#next++] = this.#first;
    if (this.#next === 1 << this.codeSize && this.codeSize < 12) this.codeSize++;
  }
}

/** Takes codes from the chain of blocks, lowest bits first. */
class CodeReader {
  readonly #file: Buffer;
  #at: number;
  #left = 0;
  #bits = 0;
  #count = 0;

  constructor(file: Buffer, at: number) {
    this.#file = file;
    this.#at = at;
  }

  read(size: number): number {
    while (this.#count < size) {
      this.#bits |= this.#byte() << this.#count;
      this.#count += 8;
    }
    const code = this.#bits & ((1 << size) - 1);
    this.#bits >>>= size;
    this.#count -= size;
    return code;
  }

  #byte(): number {
    if (this.#left === 0) {
      this.#left = this.#file[this.#at++] ?? 0;
      if (this.#left === 0) throw truncated();
    }
    const byte = this.#file[this.#at++];
    if (byte === undefined) throw truncated();
    this.#left--;
    return byte;
  }
}
