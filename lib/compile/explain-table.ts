import type { Tensor } from '../tensor/index.ts';
import { textTable } from '../text-table.ts';

const NUMERIC = new Set(['#', 'MACs']);

const by = ([a, b]: readonly number[]): string => (a === b ? `${a}` : `${a},${b}`);

/** As `3x3 s2`. */
export const poolText = (kernel: readonly number[], stride: readonly number[]): string =>
  `${kernel.join('x')} s${by(stride)}`;

interface Convolution {
  weight: Tensor;
  stride: readonly number[];
  dilation: readonly number[];
  groups: number;
}

/** As `3x3 s2 d1 g32`, without what is one. */
export function convolutionText({ weight, stride, dilation, groups }: Convolution): string {
  const parts = [weight.shape.slice(2).join('x')];
  if (by(stride) !== '1') parts.push(`s${by(stride)}`);
  if (by(dilation) !== '1') parts.push(`d${by(dilation)}`);
  if (groups !== 1) parts.push(`g${groups}`);
  return parts.join(' ');
}

/** Rows as lines of aligned columns between rules; the first row is the head. */
export const table = (rows: readonly string[][]): string[] => textTable(rows, NUMERIC);
