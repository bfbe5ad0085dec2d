import { ops, type Tensor } from '../../tensor/index.ts';
import { argument, type Call, choice, optional, real, Signature } from '../arguments.ts';
import { pythonRepr } from '../module/repr.ts';

/** Padding modes of `pad`. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Options of `pad`. */
export interface PadOptions {
  /** Default `'constant'`. */
  mode?: PadMode;
  /** Value of the border of mode `'constant'`. Default 0. */
  value?: number | null;
}

const isWhole = (list: readonly number[]): boolean => list.length % 2 === 0 && list.every(Number.isInteger);

const PAD = new Signature<Required<PadOptions> & { padding: readonly number[] }>(
  {
    padding: argument(undefined, 'an even number of whole numbers', Array.isArray, isWhole, pythonRepr),
    mode: choice(['constant', 'reflect', 'replicate', 'circular'], 'constant'),
    value: optional(real()),
  },
  ['padding', 'mode', 'value'],
);

/**
 * Pads the last dimensions: `[left, right, top, bottom, ...]`. Negative numbers crop.
 *
 * @example
 * nn.functional.pad(x, [1, 1, 2, 2], 'reflect');
 */
export function pad(
  x: Tensor,
  ...given: Call<[padding: readonly number[], mode?: PadMode, value?: number | null], PadOptions>
): Tensor {
  const { padding, mode, value } = PAD.read('pad', given);
  return ops.aten.pad(x, [...padding], mode, value);
}
