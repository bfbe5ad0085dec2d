import { fromBuffer, noGrad, ops, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { squareOf } from './entry.ts';

/** A feature of length 1 in whole numbers, and how far that is from it. */
export interface Coded {
  readonly codes: Int8Array;
  /** What one step of the codes is. */
  readonly scale: number;
  /** Length of what the codes leave out; rounded up. */
  readonly rest: number;
  /** Length of what the codes say; rounded up. */
  readonly length: number;
}

const SLACK = 1 + 1e-12;

/** Codes of a feature divided by its length. `levels` is the largest code. */
export function encode(feature: Float32Array, levels: number): Coded {
  const norm = Math.sqrt(squareOf(feature));
  let most = 0;
  for (let index = 0; index < feature.length; index++)
    most = Math.max(most, Math.abs(feature[index] as number));
  const scale = most / norm / levels;
  const codes = new Int8Array(feature.length);
  let [rest, length] = [0, 0];
  for (let index = 0; index < feature.length; index++) {
    const value = (feature[index] as number) / norm;
    const code = Math.round(value / scale);
    codes[index] = code;
    const left = value - code * scale;
    rest += left * left;
    length += code * code;
  }
  return { codes, scale, rest: Math.sqrt(rest) * SLACK, length: Math.sqrt(length) * scale * SLACK };
}

let levelsHere: number | undefined;

/**
 * The largest code whose products this processor adds without an overflow: 127, or 63 where pairs of products saturate at 16
 * bits, as without VNNI. Tried out once.
 */
export function codeLevels(): number {
  if (levelsHere === undefined) levelsHere = addsExactly(127) ? 127 : 63;
  return levelsHere;
}

function addsExactly(level: number): boolean {
  return scope(() =>
    [
      [level, level],
      [-level, level],
      [level, -level],
      [-level, -level],
    ].every(([a = 0, b = 0]) => {
      const codes = tensor(new Int8Array(33 * 256).fill(a)).view(33, 256);
      const dots = dotProducts(codes, new Int8Array(256).fill(b));
      return dots.every((dot) => dot === 256 * a * b);
    }),
  );
}

/** Codes that are multiplied in one call: libtorch counts the elements of its operands in 31 bits in places. */
const MOST_CODES = 2 ** 28;

/** Products of all rows of codes with a query's, exact. */
export function dotProducts(codes: Tensor, query: Int8Array): Int32Array {
  const [rows, width] = codes.shape as [number, number];
  const step = Math.max(1, Math.floor(MOST_CODES / width));
  const products = new Int32Array(rows);
  for (let start = 0; start < rows; start += step) {
    const part = scope(() => productsOf(codes.narrow(0, start, Math.min(step, rows - start)), query));
    products.set(part, start);
  }
  return products;
}

function productsOf(codes: Tensor, query: Int8Array): Int32Array {
  return noGrad(() => {
    const column = fromBuffer(query, { shape: [query.length, 1] });
    return ops.aten._int_mm(codes, column).data() as Int32Array;
  });
}
