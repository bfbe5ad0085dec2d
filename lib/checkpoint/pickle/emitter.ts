import { encodeText } from '../surrogates.ts';
import { OPCODES as OP } from './opcodes.ts';

const FIRST_CAPACITY = 1 << 16;

/** Writes pickle opcodes of protocol 2, those that `torch.load(weights_only=True)` reads, into a growing buffer. */
export class Emitter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;
  #memos = 0;
  readonly #strings = new Map<string, number>();
  readonly #globals = new Map<string, number>();

  /** What was written so far. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  op(...codes: number[]): void {
    this.#reserve(codes.length);
    for (const code of codes) this.#bytes[this.#length++] = code;
  }

  /** Remembers the value on top of the stack under a new index, which it returns. */
  put(): number {
    this.#indexed(OP.BINPUT, OP.LONG_BINPUT, this.#memos);
    return this.#memos++;
  }

  get(index: number): void {
    this.#indexed(OP.BINGET, OP.LONG_BINGET, index);
  }

  boolean(value: boolean): void {
    this.op(value ? OP.NEWTRUE : OP.NEWFALSE);
  }

  float(value: number): void {
    this.op(OP.BINFLOAT);
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleBE(value, this.#length);
  }

  integer(value: number | bigint): void {
    if (value < -0x80000000 || value > 0x7fffffff) this.#long(BigInt(value));
    else if (value >= 0 && value <= 0xff) this.op(OP.BININT1, Number(value));
    else if (value >= 0 && value <= 0xffff) this.op(OP.BININT2, Number(value) & 0xff, Number(value) >> 8);
    else this.#int32(Number(value));
  }

  /** A text; one that was written before is referred to. */
  string(value: string): void {
    const known = this.#strings.get(value);
    if (known === undefined) {
      this.text(value);
      this.#strings.set(value, this.put());
    } else this.get(known);
  }

  /** A text that is not remembered. */
  text(value: string): void {
    const bytes = encodeText(value);
    this.op(OP.BINUNICODE);
    this.#reserve(4 + bytes.length);
    this.#length = this.#bytes.writeUInt32LE(bytes.length, this.#length);
    this.#length += bytes.copy(this.#bytes, this.#length);
  }

  global(module: string, name: string): void {
    const key = `${module}\n${name}\n`;
    const known = this.#globals.get(key);
    if (known === undefined) {
      this.op(OP.GLOBAL, ...Buffer.from(key, 'latin1'));
      this.#globals.set(key, this.put());
    } else this.get(known);
  }

  /** A tuple of small integers, such as a size. */
  integers(values: readonly number[]): void {
    this.op(OP.MARK);
    for (const value of values) this.integer(value);
    this.op(OP.TUPLE);
  }

  #int32(value: number): void {
    this.op(OP.BININT);
    this.#reserve(4);
    this.#length = this.#bytes.writeInt32LE(value, this.#length);
  }

  /** At most 255 bytes. */
  #long(value: bigint): void {
    const bytes = twosComplement(value);
    this.op(OP.LONG1, bytes.length, ...bytes);
  }

  #indexed(short: number, long: number, index: number): void {
    if (index <= 0xff) this.op(short, index);
    else this.op(long, index & 0xff, (index >> 8) & 0xff, (index >> 16) & 0xff, index >>> 24);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Little-endian two's complement in as few bytes as hold the sign. */
function twosComplement(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const byte = Number(rest & 0xffn);
    bytes.push(byte);
    rest >>= 8n;
    const isComplete = rest === (byte & 0x80 ? -1n : 0n);
    if (isComplete) return bytes;
  }
}
