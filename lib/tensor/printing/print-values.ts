import { type Ops, ops as untypedOps } from '../../ops/index.ts';
import { isComplex, isFloatingPoint } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { floatFormat, wholeFormat } from './print-number.ts';
import type { PrintOptions } from './print-options.ts';

const aten = untypedOps.aten as Ops<Tensor>['aten'];

/** The first and last `count` along each cut dimension. Only views are taken until just the corners are left. */
function corners(tensor: Tensor, cut: boolean[], count: number, dim = 0): Tensor {
  if (dim === cut.length) return tensor;
  if (!cut[dim]) return corners(tensor, cut, count, dim + 1);
  const size = tensor.size(dim);
  const ends = [aten.slice(tensor, dim, 0, count), aten.slice(tensor, dim, size - count, size)];
  return aten.cat(
    ends.map((end) => corners(end, cut, count, dim + 1)),
    dim,
  );
}

/** The texts of elements in row-major order. */
interface Cells {
  texts: string[];
  /** Characters that each takes up. */
  width: number;
}

/** The values in row-major order; the parts of complex ones follow one another. */
function readFloats(tensor: Tensor): number[] {
  // Pairs of 4-bit floats are converted to nothing; Python prints their bytes.
  if (tensor.dtype === 'float4_e2m1fn_x2') return Array.from(tensor.data() as Uint8Array);
  const wide = aten.to.dtype(tensor, isComplex(tensor.dtype) ? 'complex128' : 'float64');
  return Array.from(wide.data() as Float64Array);
}

function complexCells(pairs: number[], options: PrintOptions): Cells {
  const real = pairs.filter((_, i) => i % 2 === 0);
  const imaginary = pairs.filter((_, i) => i % 2 === 1);
  const realFormat = floatFormat(real, options);
  const imaginaryFormat = floatFormat(imaginary, options);
  const texts = real.map((re, i) => {
    const im = imaginaryFormat.format(imaginary[i] as number).trimStart();
    return `${realFormat.format(re)}${im.startsWith('-') ? '' : '+'}${im}j`;
  });
  return { texts, width: realFormat.width + imaginaryFormat.width + 1 };
}

function cellsOf(tensor: Tensor, options: PrintOptions): Cells {
  const { dtype } = tensor;
  if (isComplex(dtype)) return complexCells(readFloats(tensor), options);
  if (isFloatingPoint(dtype)) {
    const values = readFloats(tensor);
    const { width, format } = floatFormat(values, options);
    return { texts: values.map(format), width };
  }
  const data = Array.from(tensor.data() as ArrayLike<number | bigint>);
  const values = dtype === 'bool' ? data.map(Boolean) : data;
  const { width, format } = wholeFormat(values);
  return { texts: values.map(format), width };
}

/** `parts` with `ellipsis` in the middle when some were left out there. */
function withEllipsis(parts: string[], isCut: boolean | undefined, ellipsis: string): string[] {
  if (!isCut) return parts;
  const half = parts.length / 2;
  return [...parts.slice(0, half), ellipsis, ...parts.slice(half)];
}

function layOutVector(texts: string[], perLine: number, column: number): string {
  const lines: string[] = [];
  for (let i = 0; i < texts.length; i += perLine) lines.push(texts.slice(i, i + perLine).join(', '));
  return `[${lines.join(`,\n${' '.repeat(column + 1)}`)}]`;
}

/** Brackets around the cells of `shape`; `column` is where the first bracket stands. */
function layOut(cells: Cells, shape: number[], cut: boolean[], column: number, linewidth: number): string {
  const [size, ...inner] = shape;
  if (size === undefined) return cells.texts[0] as string;
  if (inner.length === 0) {
    const perLine = Math.max(1, Math.floor((linewidth - column) / (cells.width + 2)));
    return layOutVector(withEllipsis(cells.texts, cut[0], ' ...'), perLine, column);
  }
  const step = cells.texts.length / size;
  const parts = Array.from({ length: size }, (_, i) => {
    const part = { texts: cells.texts.slice(i * step, (i + 1) * step), width: cells.width };
    return layOut(part, inner, cut.slice(1), column + 1, linewidth);
  });
  const separator = `,${'\n'.repeat(inner.length)}${' '.repeat(column + 1)}`;
  return `[${withEllipsis(parts, cut[0], '...').join(separator)}]`;
}

/**
 * The elements of `tensor` in brackets from column `column` on, laid out as torch/_tensor_str.py of 2.13 does. Of a
 * summarised tensor only the elements that show are read.
 */
export function formatValues(tensor: Tensor, column: number, options: PrintOptions): string {
  if (tensor.numel() === 0) return '[]';
  const { threshold, edgeitems, linewidth } = options;
  const summarize = tensor.numel() > threshold;
  const cut = tensor.shape.map((size) => summarize && size > 2 * edgeitems);
  if (edgeitems === 0 && cut.includes(true)) return '[...]';
  const whole = aten._is_zerotensor(tensor) ? aten.clone(tensor) : tensor;
  const shown = corners(whole, cut, edgeitems);
  return layOut(cellsOf(shown, options), shown.shape, cut, column, linewidth);
}
