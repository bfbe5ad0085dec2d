import { isUtf8 } from 'node:buffer';
import { decodeText } from '../../surrogates.ts';
import { Mismatch } from '../checks.ts';
import type { Machine } from '../machine.ts';
import { narrow } from '../numpy.ts';
import { OPCODES as OP } from '../opcodes.ts';

// Python itself refuses decimal integers beyond 4,300 digits.
const LONGEST_INTEGER = 2048;
const LONGEST_TEXT = 1 << 26;

/** Opcodes that push a number, a text or bytes. */
export const SCALAR_HANDLERS: readonly (readonly [number, (machine: Machine) => void])[] = [
  [OP.PROTO, (m) => checkProtocol(m)],
  [OP.FRAME, (m) => checkFrame(m)],
  [OP.NONE, (m) => m.push(null)],
  [OP.NEWTRUE, (m) => m.push(true)],
  [OP.NEWFALSE, (m) => m.push(false)],
  [OP.INT, (m) => m.push(intLine(m.cursor.line()))],
  [OP.LONG, (m) => m.push(integerText(m.cursor.line().replace(/L$/, '')))],
  [OP.BININT, (m) => m.push(m.cursor.i32())],
  [OP.BININT1, (m) => m.push(m.cursor.u8())],
  [OP.BININT2, (m) => m.push(m.cursor.u16())],
  [OP.LONG1, (m) => m.push(long(m, m.cursor.u8()))],
  [OP.LONG4, (m) => m.push(long(m, m.cursor.i32()))],
  [OP.FLOAT, (m) => m.push(floatLine(m.cursor.line()))],
  [OP.BINFLOAT, (m) => m.push(m.cursor.f64())],
  [OP.STRING, (m) => m.push(textOrBytes(unescapeString(m.cursor.line())))],
  [OP.SHORT_BINSTRING, (m) => m.push(textOrBytes(m.cursor.take(m.cursor.u8())))],
  [OP.BINSTRING, (m) => m.push(textOrBytes(m.cursor.take(bounded(m.cursor.i32()))))],
  [OP.UNICODE, (m) => m.push(unescapeUnicode(m.cursor.line()))],
  [OP.SHORT_BINUNICODE, (m) => m.push(text(m, m.cursor.u8()))],
  [OP.BINUNICODE, (m) => m.push(text(m, m.cursor.u32()))],
  [OP.BINUNICODE8, (m) => m.push(text(m, m.cursor.u64()))],
  [OP.SHORT_BINBYTES, (m) => m.push(bytes(m, m.cursor.u8()))],
  [OP.BINBYTES, (m) => m.push(bytes(m, m.cursor.u32()))],
  [OP.BINBYTES8, (m) => m.push(bytes(m, m.cursor.u64()))],
  [OP.BYTEARRAY8, (m) => m.push(bytes(m, m.cursor.u64()))],
];

function checkProtocol(machine: Machine): void {
  const protocol = machine.cursor.u8();
  if (protocol > 5) throw new Mismatch(`pickle protocol ${protocol} is not known`);
}

function checkFrame(machine: Machine): void {
  const length = machine.cursor.u64();
  if (length > machine.cursor.remaining)
    throw new Mismatch(`a frame of ${length} bytes does not fit the file`);
}

function text(machine: Machine, length: number): string {
  const raw = machine.cursor.take(bounded(length));
  if (isUtf8(raw)) return raw.toString('utf8');
  const decoded = decodeText(raw);
  if (decoded === undefined) throw new Mismatch('text that is not UTF-8');
  return decoded;
}

function bytes(machine: Machine, length: number): Uint8Array {
  machine.allocate();
  return Uint8Array.from(machine.cursor.take(bounded(length)));
}

/** Python 2's `str`: text where it is UTF-8, bytes otherwise. */
function textOrBytes(raw: Buffer): string | Uint8Array {
  return isUtf8(raw) ? raw.toString('utf8') : Uint8Array.from(raw);
}

function bounded(length: number): number {
  if (length >= 0 && length <= LONGEST_TEXT) return length;
  throw new Mismatch(`a text or bytes object of ${length} bytes`);
}

function long(machine: Machine, length: number): number | bigint {
  if (length < 0 || length > LONGEST_INTEGER) throw new Mismatch(`an integer of ${length} bytes`);
  const digits = Buffer.from(machine.cursor.take(length)).reverse().toString('hex');
  return digits ? narrow(BigInt.asIntN(length * 8, BigInt(`0x${digits}`))) : 0;
}

function intLine(line: string): number | bigint | boolean {
  if (line === '00' || line === '01') return line === '01';
  return integerText(line);
}

function integerText(line: string): number | bigint {
  if (!/^[+-]?\d{1,4300}$/.test(line)) throw new Mismatch('an integer that is not one');
  return narrow(BigInt(line.replace(/^\+/, '')));
}

function floatLine(line: string): number {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(line)) return Number(line);
  const named = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }[line];
  if (named === undefined) throw new Mismatch('a float that is not one');
  return named;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** Protocol 0's `str`: quoted, with Python's escapes. */
function unescapeString(line: string): Buffer {
  const quoted = /^(["'])(.*)\1$/s.exec(line);
  if (!quoted) throw new Mismatch('a string without quotes');
  const plain = (quoted[2] as string).replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
  return Buffer.from(plain, 'latin1');
}

/** Protocol 0's `unicode`: latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
function unescapeUnicode(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, wide?: string) => {
    const point = Number.parseInt((short ?? wide) as string, 16);
    if (point > 0x10ffff) throw new Mismatch('a character beyond Unicode');
    return String.fromCodePoint(point);
  });
}
