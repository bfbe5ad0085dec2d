import type { Tensor } from '../tensor/index.ts';

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

/** With commas at the thousands. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** Rows as lines of aligned columns between rules; the first row is the head. */
export function table(rows: readonly string[][]): string[] {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const width = widths[i] as number;
        return NUMERIC.has(head[i] as string) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 2 * (head.length - 1)));
  return [line(head), rule, ...body.map(line), rule];
}
