import { Signature } from '../arguments.ts';
import {
  INTERPOLATE_ARGUMENTS,
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
} from '../functional/interpolate.ts';
import { defineLayer, type Printer } from './define.ts';

/** Options of Upsample: those of `interpolate`. */
export type UpsampleLayerOptions = Omit<InterpolateOptions, 'antialias'>;
type Values = Required<UpsampleLayerOptions>;
/** Options of UpsamplingNearest2d and UpsamplingBilinear2d; give either. */
export interface UpsamplingOptions {
  /** One number, or [height, width]. */
  size?: number | readonly number[] | null;
  /** One number, or [height, width]. */
  scaleFactor?: number | readonly number[] | null;
}
type Place = [size?: number | readonly number[] | null];

function printSize<A extends Required<UpsamplingOptions>>(mode: (values: A) => InterpolateMode): Printer<A> {
  return (values, signature) => {
    const size = signature.print(values, [values.scaleFactor === null ? 'size' : 'scaleFactor']);
    return `${size}, mode='${mode(values)}'`;
  };
}

/**
 * Resizes (N, C, L), (N, C, H, W) or (N, C, D, H, W) to a size or by a factor.
 *
 * @example
 * new nn.Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true });
 */
export class Upsample extends defineLayer<Place, UpsampleLayerOptions, Values>(
  new Signature<Values>(INTERPOLATE_ARGUMENTS, ['size']),
  ({ size, scaleFactor, mode, alignCorners, recomputeScaleFactor }, x) =>
    interpolate(x, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor }),
  printSize((values) => values.mode),
) {}

function upsampling(mode: InterpolateMode, alignCorners: boolean | null) {
  const { size, scaleFactor } = INTERPOLATE_ARGUMENTS;
  return defineLayer<Place, UpsamplingOptions, Required<UpsamplingOptions>>(
    new Signature<Required<UpsamplingOptions>>({ size, scaleFactor }, ['size']),
    (layer, x) => interpolate(x, { size: layer.size, scaleFactor: layer.scaleFactor, mode, alignCorners }),
    printSize(() => mode),
  );
}

/** Repeats the nearest pixel: (N, C, H, W). */
export class UpsamplingNearest2d extends upsampling('nearest', null) {}
/** Bilinear with aligned corners: (N, C, H, W). */
export class UpsamplingBilinear2d extends upsampling('bilinear', true) {}
