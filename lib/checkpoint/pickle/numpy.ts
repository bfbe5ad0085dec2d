import { asBytes, asItems, asString, Mismatch } from './checks.ts';
import { PyComplex, PyNumpyDType } from './values.ts';

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

/** `numpy.dtype(code, align, copy)`. */
export function numpyDType(args: readonly unknown[]): PyNumpyDType {
  const code = asString(args[0], 'numpy.dtype');
  if (!DECODERS.has(code)) throw new Mismatch(`numpy dtype "${code}" is not a number or boolean`);
  return new PyNumpyDType(code);
}

/** What BUILD does to a numpy dtype: `(version, byte order, ...)`; nothing else matters for scalars. */
export function setNumpyState(dtype: PyNumpyDType, state: unknown): void {
  const order = asString(asItems(state, 'numpy.dtype state')[1], 'numpy byte order');
  if (!['<', '>', '=', '|'].includes(order)) throw new Mismatch(`unknown numpy byte order "${order}"`);
  dtype.bigEndian = order === '>';
}

/** `numpy.core.multiarray.scalar(dtype, bytes)`, as a number, bigint, boolean or complex. */
export function numpyScalar(args: readonly unknown[]): unknown {
  const [dtype, data] = args;
  if (!(dtype instanceof PyNumpyDType)) throw new Mismatch('expected a numpy dtype for a numpy scalar');
  const bytes = asBytes(data, 'a numpy scalar');
  const itemsize = Number(dtype.code.slice(1));
  if (bytes.length !== itemsize) {
    throw new Mismatch(`expected ${itemsize} bytes for a numpy ${dtype.code} scalar, got ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (DECODERS.get(dtype.code) as Decoder)(view, !dtype.bigEndian);
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
