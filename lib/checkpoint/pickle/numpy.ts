import { PyComplex, PyDict, PyNumpyDType, PyObject, PyTuple } from '../values.ts';
import { asBytes, asCount, asItems, asString, describe, Mismatch } from './checks.ts';

type Decoder = (view: DataView, littleEndian: boolean) => unknown;

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['b1', (view) => view.getUint8(0) !== 0],
  ['i1', (view) => view.getInt8(0)],
  ['u1', (view) => view.getUint8(0)],
  ['i2', (view, little) => view.getInt16(0, little)],
  ['u2', (view, little) => view.getUint16(0, little)],
  ['i4', (view, little) => view.getInt32(0, little)],
  ['u4', (view, little) => view.getUint32(0, little)],
  ['i8', (view, little) => narrow(view.getBigInt64(0, little))],
  ['u8', (view, little) => narrow(view.getBigUint64(0, little))],
  ['f2', (view, little) => halfToNumber(view.getUint16(0, little))],
  ['f4', (view, little) => view.getFloat32(0, little)],
  ['f8', (view, little) => view.getFloat64(0, little)],
  ['c8', (view, little) => new PyComplex(view.getFloat32(0, little), view.getFloat32(4, little))],
  ['c16', (view, little) => new PyComplex(view.getFloat64(0, little), view.getFloat64(8, little))],
]);

/** `numpy.dtype(code, align, copy)`: a kind and a size in bytes (of texts, in characters). */
export function numpyDType(args: readonly unknown[]): PyNumpyDType {
  const code = asString(args[0], 'numpy.dtype').replace(/^[<>=|]/, '');
  if (!/^([?bBhHiIlLqQpPefdgFDGOSUVMm]|[biufcOSUVMm]\d{1,9})$/.test(code))
    throw new Mismatch(`unknown numpy dtype ${describe(code)}`);
  const dtype = new PyNumpyDType(LETTERS.get(code) ?? code);
  dtype.bigEndian = args[0] !== code && String(args[0]).startsWith('>');
  return dtype;
}

const LETTERS = new Map([
  ...Object.entries({ '?': 'b1', b: 'i1', B: 'u1', h: 'i2', H: 'u2', i: 'i4', I: 'u4', l: 'i8', L: 'u8' }),
  ...Object.entries({ q: 'i8', Q: 'u8', p: 'i8', P: 'u8', e: 'f2', f: 'f4', d: 'f8', g: 'f16' }),
  ...Object.entries({ F: 'c8', D: 'c16', G: 'c32', O: 'O8', S: 'S0', U: 'U0', V: 'V0', M: 'M8', m: 'm8' }),
]);

/**
 * What BUILD does to a numpy dtype: `(version, byte order, subarray, names, fields, itemsize, alignment, flags[,
 * metadata])`. Dates have their unit in the metadata.
 */
export function setNumpyState(dtype: PyNumpyDType, state: unknown): void {
  const [, writtenOrder, sub, names, fields, itemsize, , , metadata] = asItems(state, 'numpy.dtype state');
  const order = asString(writtenOrder, 'numpy byte order');
  if (!['<', '>', '=', '|'].includes(order)) throw new Mismatch(`unknown numpy byte order "${order}"`);
  dtype.bigEndian = order === '>';
  if (Array.isArray(names) || names instanceof PyTuple || sub instanceof PyTuple) {
    dtype.fields = { names, fields, sub };
  }
  if (typeof itemsize === 'number' && itemsize > 0) dtype.itemsize = asCount(itemsize, 'a numpy itemsize');
  dtype.unit = unitFrom(metadata);
}

function unitFrom(metadata: unknown): { name: string; count: number } | undefined {
  const parts = metadata instanceof PyTuple ? metadata.items[1] : undefined;
  if (!(parts instanceof PyTuple)) return undefined;
  const [name, count] = parts.items;
  const text = name instanceof Uint8Array ? Buffer.from(name).toString('latin1') : name;
  return { name: asString(text, 'a numpy unit'), count: asCount(count, 'a numpy unit') };
}

/** Bytes of one element. */
export function numpyItemsize({ code, itemsize }: PyNumpyDType): number {
  const width = Number(code.slice(1));
  if (code.startsWith('U')) return width * 4;
  return code.startsWith('V') && itemsize !== undefined ? itemsize : width;
}

/** As numpy writes it: `<f4`, `|b1`, `<U5`, `>M8[ns]`. */
export function numpyDTypeText(dtype: PyNumpyDType): string {
  const { code, bigEndian, unit } = dtype;
  const hasOrder = numpyItemsize(dtype) > 1 && !/^[SVO]/.test(code);
  const size = code.startsWith('V') ? numpyItemsize(dtype) : code.slice(1);
  const kind = code.startsWith('O') ? 'O' : `${code.charAt(0)}${size}`;
  const count = unit && unit.count !== 1 ? unit.count : '';
  return `${hasOrder ? (bigEndian ? '>' : '<') : '|'}${kind}${unit ? `[${count}${unit.name}]` : ''}`;
}

/** `numpy.core.multiarray.scalar(dtype, bytes)`: a number, bigint, boolean, complex, text, bytes, or a description. */
export function numpyScalar(args: readonly unknown[]): unknown {
  const [dtype, data] = args;
  if (!(dtype instanceof PyNumpyDType)) throw new Mismatch('expected a numpy dtype for a numpy scalar');
  if (dtype.code.startsWith('O')) return data;
  const bytes = data === undefined ? new Uint8Array(numpyItemsize(dtype)) : asNumpyBytes(data);
  const itemsize = numpyItemsize(dtype);
  if (bytes.length !== itemsize) {
    throw new Mismatch(`expected ${itemsize} bytes for a numpy ${dtype.code} scalar, got ${bytes.length}`);
  }
  return decodeElement(dtype, bytes) ?? described(dtype, bytes);
}

/** Bytes, which Python 2 wrote as a string. */
export function asNumpyBytes(data: unknown): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : asBytes(data, 'a numpy array');
}

/** An element as a value; undefined for kinds that have none. */
export function decodeElement(dtype: PyNumpyDType, bytes: Uint8Array): unknown {
  const { code, bigEndian } = dtype;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const decode = DECODERS.get(code);
  if (decode) return decode(view, !bigEndian);
  if (code.startsWith('U')) return textOf(view, !bigEndian);
  if (code.startsWith('S')) return Uint8Array.from(bytes.subarray(0, withoutZeros(bytes)));
  return undefined;
}

/** Four bytes a character, filled up with zeros. */
function textOf(view: DataView, littleEndian: boolean): string {
  let text = '';
  for (let at = 0; at < view.byteLength; at += 4) {
    const point = view.getUint32(at, littleEndian);
    if (point > 0x10ffff) throw new Mismatch('a character beyond Unicode');
    text += String.fromCodePoint(point);
  }
  return text.slice(0, text.length - (/\0*$/.exec(text) as RegExpExecArray)[0].length);
}

function withoutZeros(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

const CLASSES: Readonly<Record<string, string>> = {
  M: 'numpy.datetime64',
  m: 'numpy.timedelta64',
  f: 'numpy.longdouble',
  c: 'numpy.clongdouble',
};

function described(dtype: PyNumpyDType, bytes: Uint8Array): PyObject {
  const kind = dtype.code.charAt(0);
  const className = CLASSES[kind] ?? 'numpy.void';
  if (kind !== 'M' && kind !== 'm') return new PyObject(className, [bytes, dtype]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const ticks = view.getBigInt64(0, !dtype.bigEndian);
  const { name, count } = dtype.unit ?? { name: 'generic', count: 1 };
  const object = new PyObject(className, [narrow(ticks), count === 1 ? name : `${count}${name}`]);
  object.value = kind === 'M' ? () => datetime64Text(ticks, name, BigInt(count)) : undefined;
  return object;
}

// Units of a fixed length, by their ticks in a second or their seconds.
const TICKS: Readonly<Record<string, bigint>> = { s: 1n, ms: 1000n, us: 1_000_000n, ns: 1_000_000_000n };
const SECONDS: Readonly<Record<string, bigint>> = { W: 604_800n, D: 86_400n, h: 3600n, m: 60n };
const NOT_A_TIME = -(2n ** 63n);

/** As numpy prints it, where JavaScript's dates reach that far; undefined elsewhere. */
function datetime64Text(ticks: bigint, unit: string, count: bigint): string | undefined {
  if (ticks === NOT_A_TIME) return 'NaT';
  if (unit === 'Y' || unit === 'M') return calendarText(ticks * count, unit);
  const perSecond = TICKS[unit];
  const perTick = SECONDS[unit];
  if (perSecond === undefined && perTick === undefined) return undefined;
  const total = ticks * count;
  const fraction = perSecond === undefined ? 0n : ((total % perSecond) + perSecond) % perSecond;
  const seconds = perSecond === undefined ? total * (perTick as bigint) : (total - fraction) / perSecond;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const iso = date.toISOString();
  if (unit === 'D' || unit === 'W') return iso.slice(0, -14);
  if (unit === 'h' || unit === 'm') return iso.slice(0, unit === 'h' ? -11 : -8);
  const digits = String(perSecond).length - 1;
  return digits === 0 ? iso.slice(0, -5) : `${iso.slice(0, -5)}.${String(fraction).padStart(digits, '0')}`;
}

function calendarText(ticks: bigint, unit: 'Y' | 'M'): string {
  const months = unit === 'Y' ? ticks * 12n : ticks;
  const month = ((months % 12n) + 12n) % 12n;
  const year = String(1970n + (months - month) / 12n).padStart(4, '0');
  return unit === 'Y' ? year : `${year}-${String(month + 1n).padStart(2, '0')}`;
}

/** The fields of a structured dtype as a value: name, dtype, offset; undefined for plain ones. */
export function fieldsOf(dtype: PyNumpyDType): unknown {
  const { names, fields } = dtype.fields ?? {};
  if (!(fields instanceof PyDict)) return undefined;
  return asItems(names, 'numpy field names').map((name) => {
    const [type, offset] = asItems(fields.entries.get(name), 'a numpy field');
    return new PyTuple([name, type, offset]);
  });
}

/** A bigint as a number where no digit is lost. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
