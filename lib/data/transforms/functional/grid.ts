import { describeValue } from '../../../options.ts';
import { cat, linspace, ones, ops, scope, type Tensor, tensor, where } from '../../../tensor/index.ts';
import { asBatch, imageSize } from './image.ts';
import { checkFillChannels, type Fill } from './pad.ts';
import { checkInterpolation } from './resize.ts';

/** How pixels between pixels are found where an image is turned or bent. */
export type GridInterpolation = 'nearest' | 'bilinear';

/** Options of what turns and bends an image. */
export interface GridOptions {
  /** Default `'nearest'`; `'bilinear'` for `perspective` and `elastic`. */
  interpolation?: GridInterpolation;
  /** The value of pixels from outside the image. Default null: black, blended in at the edge. */
  fill?: Fill;
}

/** Checks the two options that all of them have. */
export function checkGrid(image: Tensor, interpolation: unknown, fill: Fill, name: string): void {
  checkInterpolation(interpolation, ['nearest', 'bilinear'], name);
  imageSize(image, name);
  if (Array.isArray(fill)) checkFillChannels(fill, image, name);
  else if (fill !== null && typeof fill !== 'number') {
    throw new TypeError(
      `Expected a number, an array of numbers or null for ${name} fill, got ${describeValue(fill)}`,
    );
  }
}

/** The dtype in which places are computed for an image. */
export function gridDtype(image: Tensor): 'float32' | Tensor['dtype'] {
  return image.isFloatingPoint() ? image.dtype : 'float32';
}

/** The places 1, x, y of an (height, width) grid, as (1, height x width, 3) rows of x, y, 1. */
export function baseGrid(x: Tensor, y: Tensor): Tensor {
  const [width, height] = [x.shape[0] as number, y.shape[0] as number];
  const { dtype, device } = x;
  const across = x.view([1, 1, width, 1]).expand([1, height, width, 1]);
  const down = y.view([1, height, 1, 1]).expand([1, height, width, 1]);
  const one = ones([1, height, width, 1], { dtype, device });
  return cat([across, down, one], -1).view([1, height * width, 3]);
}

/** Where each pixel of an affine image comes from, for a matrix that leads back (torchvision 0.28, `_affine_grid`). */
export function affineGrid(
  matrix: readonly number[],
  [height, width]: readonly [number, number],
  [outHeight, outWidth]: readonly [number, number],
  image: Tensor,
): Tensor {
  const { device } = image;
  const dtype = gridDtype(image);
  const theta = tensor([...matrix], { dtype, device }).reshape([1, 2, 3]);
  const x = linspace((1 - outWidth) * 0.5, (outWidth - 1) * 0.5, outWidth, { device }).to(dtype);
  const y = linspace((1 - outHeight) * 0.5, (outHeight - 1) * 0.5, outHeight, { device }).to(dtype);
  const scaled = theta.transpose(1, 2).div_(tensor([0.5 * width, 0.5 * height], { dtype, device }));
  return baseGrid(x, y).bmm(scaled).view([1, outHeight, outWidth, 2]);
}

const MODES = { bilinear: 0, nearest: 1 };

/** Takes each pixel of the result from where `grid` (1, H, W, 2) says, as torchvision's `_apply_grid_transform` (0.28). */
export function applyGrid(image: Tensor, grid: Tensor, interpolation: GridInterpolation, fill: Fill): Tensor {
  return scope(() => asBatch(image, (batch) => sampled(batch, grid, interpolation, fill)));
}

function sampled(batch: Tensor, grid: Tensor, interpolation: GridInterpolation, fill: Fill): Tensor {
  const { dtype } = batch;
  const [count, , height, width] = batch.shape as [number, number, number, number];
  const values = batch.to(grid.dtype);
  const { device } = values;
  const inside = ones([count, 1, height, width], { dtype: grid.dtype, device });
  const input = fill === null ? values : cat([values, inside], 1);
  const places = count > 1 ? grid.expand([count, -1, -1, -1]) : grid;
  const found = ops.aten.grid_sampler(input, places, MODES[interpolation], 0, false);
  const filled = fill === null ? found : withFill(found, interpolation, fill);
  return dtype === grid.dtype ? filled : filled.round().to(dtype);
}

/** The last channel says how much of a pixel is of the image. */
function withFill(found: Tensor, interpolation: GridInterpolation, fill: number | readonly number[]): Tensor {
  const channels = (found.shape[1] as number) - 1;
  const { dtype, device } = found;
  const image = found.narrow(1, 0, channels);
  const mask = found.narrow(1, channels, 1).expandAs(image);
  const colour = tensor(typeof fill === 'number' ? [fill] : [...fill], { dtype, device }).view([1, -1, 1, 1]);
  if (interpolation === 'nearest') return where(mask.lt(0.5), colour.expandAs(image), image);
  return image.sub(colour).mul(mask).add(colour);
}
