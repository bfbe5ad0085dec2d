/** Layers that only change the shape of their input, or move its elements. */
import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { argument, dimension } from '../arguments.ts';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../functional/vision.ts';
import { Module } from '../module/module.ts';
import { pythonRepr } from '../module/repr.ts';
import { defineLayer, layerOf } from './define.ts';

/** Returns its input. As torch's it takes any arguments, so that it can stand in another layer's place, and reads none. */
export class Identity extends Module {
  constructor(..._unused: readonly unknown[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return x;
  }
}

/** Joins the dimensions from `startDim` (default 1) to `endDim` (default -1). */
export class Flatten extends defineLayer<
  [startDim?: number, endDim?: number],
  { startDim?: number; endDim?: number },
  { startDim: number; endDim: number }
>({ startDim: dimension(1), endDim: dimension(-1) }, ({ startDim, endDim }, x) =>
  ops.aten.flatten(x, startDim, endDim),
) {}

const unflattenedSize = argument<readonly number[]>(
  undefined,
  'an array of whole numbers',
  Array.isArray,
  (list) => list.every((size) => Number.isInteger(size) && size >= -1),
  pythonRepr,
);

/**
 * Splits the dimension `dim` into dimensions of the given sizes; one of them may be -1.
 *
 * @example
 * new nn.Unflatten(1, [2, 8]).forward(randn([4, 16, 7])); // (4, 2, 8, 7)
 */
export class Unflatten extends defineLayer<
  [dim: number, unflattenedSize: readonly number[]],
  object,
  { dim: number; unflattenedSize: readonly number[] }
>({ dim: dimension(), unflattenedSize }, (layer, x) =>
  ops.aten.unflatten.int(x, layer.dim, [...layer.unflattenedSize]),
) {}

/** (N, C r r, H, W) -> (N, C, H r, W r), with r the `upscaleFactor`. */
export class PixelShuffle extends layerOf(pixelShuffle) {}
/** (N, C, H r, W r) -> (N, C r r, H, W), with r the `downscaleFactor`. */
export class PixelUnshuffle extends layerOf(pixelUnshuffle) {}
/** Reorders channels: those of `groups` groups by turns. */
export class ChannelShuffle extends layerOf(channelShuffle) {}
