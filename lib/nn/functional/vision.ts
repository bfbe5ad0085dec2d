import { isFloatingPoint, ops, type Tensor } from '../../tensor/index.ts';
import { checkTensor, choice, flag, refuse, Signature, whole } from '../arguments.ts';
import { defineFunction } from './define.ts';

/** (N, C r r, H, W) -> (N, C, H r, W r), with r the `upscaleFactor`. */
export const pixelShuffle = defineFunction<[upscaleFactor: number], object, { upscaleFactor: number }>(
  'pixelShuffle',
  { upscaleFactor: whole(1) },
  (x, { upscaleFactor }) => ops.aten.pixel_shuffle(x, upscaleFactor),
);

/** (N, C, H r, W r) -> (N, C r r, H, W), with r the `downscaleFactor`. */
export const pixelUnshuffle = defineFunction<[downscaleFactor: number], object, { downscaleFactor: number }>(
  'pixelUnshuffle',
  { downscaleFactor: whole(1) },
  (x, { downscaleFactor }) => ops.aten.pixel_unshuffle(x, downscaleFactor),
);

/** Reorders channels: those of `groups` groups by turns. */
export const channelShuffle = defineFunction<[groups: number], object, { groups: number }>(
  'channelShuffle',
  { groups: whole(1) },
  (x, { groups }) => ops.aten.channel_shuffle(x, groups),
);

/** The same, by the op that has a kernel for the CPU and no derivative. */
export const nativeChannelShuffle = defineFunction<[groups: number], object, { groups: number }>(
  'nativeChannelShuffle',
  { groups: whole(1) },
  (x, { groups }) => ops.aten.native_channel_shuffle(x, groups),
);

const MODES = ['bilinear', 'nearest', 'bicubic'] as const;
const PADDING_MODES = ['zeros', 'border', 'reflection'] as const;

/** Options of `gridSample`. */
export interface GridSampleOptions {
  /** Default `'bilinear'`, which is trilinear for volumes. */
  mode?: (typeof MODES)[number];
  /** What stands outside the input. Default `'zeros'`. */
  paddingMode?: (typeof PADDING_MODES)[number];
  /** Whether -1 and 1 are the centres of the corner pixels, and not their outer edges. Default false. */
  alignCorners?: boolean;
}

const GRID_SAMPLE = new Signature<Required<GridSampleOptions>>(
  {
    mode: choice(MODES, 'bilinear'),
    paddingMode: choice(PADDING_MODES, 'zeros'),
    alignCorners: flag(),
  },
  [],
);

/**
 * Takes values of `x` (N, C, H, W) at the places of `grid` (N, h, w, 2), x before y, from -1 to 1; of volumes
 * (N, C, D, H, W) at those of (N, d, h, w, 3).
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode, paddingMode, alignCorners } = GRID_SAMPLE.read('gridSample', [options]);
  const codes = [MODES.indexOf(mode), PADDING_MODES.indexOf(paddingMode)] as const;
  return ops.aten.grid_sampler(x, grid, codes[0], codes[1], alignCorners);
}

/** What a batch of affine matrices must look like for an output of so many dimensions. */
const MATRICES: Record<number, readonly [number, number]> = { 4: [2, 3], 5: [3, 4] };

/**
 * The grid for `gridSample` of affine matrices `theta` (N, 2, 3) for an output of `size` [N, C, H, W], or (N, 3, 4) for
 * [N, C, D, H, W].
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  options: { alignCorners?: boolean } = {},
): Tensor {
  const { alignCorners } = AFFINE_GRID.read('affineGrid', [options]);
  checkTensor('affineGrid', 'theta', theta);
  if (!Array.isArray(size)) refuse('affineGrid', 'size', 'an array of 4 or 5 numbers', size, false);
  const matrix = MATRICES[size.length];
  if (matrix === undefined) {
    throw new RangeError(`Expected 4 or 5 numbers for affineGrid size, got [${size.join(', ')}]`);
  }
  if (!size.every((length) => Number.isInteger(length) && length > 0)) {
    throw new RangeError(`Expected whole numbers above 0 for affineGrid size, got [${size.join(', ')}]`);
  }
  if (!isFloatingPoint(theta.dtype)) {
    throw new TypeError(`Expected a floating-point dtype for affineGrid theta, got ${theta.dtype}`);
  }
  const [rows, columns] = theta.shape.slice(1);
  if (theta.dim() !== 3 || rows !== matrix[0] || columns !== matrix[1]) {
    throw new RangeError(
      `Expected shape [N, ${matrix.join(', ')}] for affineGrid theta, got [${theta.shape.join(', ')}]`,
    );
  }
  return ops.aten.affine_grid_generator(theta, [...size], alignCorners);
}

const AFFINE_GRID = new Signature<{ alignCorners: boolean }>({ alignCorners: flag() });
