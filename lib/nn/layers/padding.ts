/** Layers that pad: (N, C, ...) or (C, ...), with one number for all sides or one for each; negative ones crop. */
import { real } from '../arguments.ts';
import { type PadMode, pad } from '../functional/padding.ts';
import { pythonRepr } from '../module/repr.ts';
import { type Dims, type Sides, sides } from '../sizes.ts';
import { defineLayer } from './define.ts';

type Padding<D extends Dims> = { padding: Sides<D> };

function padLayer<D extends Dims>(dims: D, mode: PadMode) {
  return defineLayer<[padding: number | Readonly<Sides<D>>], object, Padding<D>>(
    { padding: sides(dims) },
    (layer, x) => pad(x, layer.padding, mode),
    ({ padding }) => pythonRepr(padding),
  );
}

function constantPadLayer<D extends Dims>(dims: D) {
  return defineLayer<
    [padding: number | Readonly<Sides<D>>, value: number],
    object,
    Padding<D> & { value: number }
  >({ padding: sides(dims), value: real() }, ({ padding, value }, x) => pad(x, padding, 'constant', value));
}

/** Mirrors the input at its ends, without the last element itself: (..., L). */
export class ReflectionPad1d extends padLayer(1, 'reflect') {}
/** Mirrors the input at its edges, without the edge itself: (..., H, W). */
export class ReflectionPad2d extends padLayer(2, 'reflect') {}
/** Mirrors the input at its faces, without the face itself: (..., D, H, W). */
export class ReflectionPad3d extends padLayer(3, 'reflect') {}
/** Repeats the first and last element: (..., L). */
export class ReplicationPad1d extends padLayer(1, 'replicate') {}
/** Repeats the edges: (..., H, W). */
export class ReplicationPad2d extends padLayer(2, 'replicate') {}
/** Repeats the faces: (..., D, H, W). */
export class ReplicationPad3d extends padLayer(3, 'replicate') {}
/** Goes on at the other end: (..., L). */
export class CircularPad1d extends padLayer(1, 'circular') {}
/** Goes on at the opposite edge: (..., H, W). */
export class CircularPad2d extends padLayer(2, 'circular') {}
/** Goes on at the opposite face: (..., D, H, W). */
export class CircularPad3d extends padLayer(3, 'circular') {}
/** A border of zeros: (..., L). */
export class ZeroPad1d extends padLayer(1, 'constant') {}
/**
 * A border of zeros: (..., H, W).
 *
 * @example
 * new nn.ZeroPad2d([1, 0, 1, 0]); // one column at the left, one row on top
 */
export class ZeroPad2d extends padLayer(2, 'constant') {}
/** A border of zeros: (..., D, H, W). */
export class ZeroPad3d extends padLayer(3, 'constant') {}
/** A border of one value: (..., L). */
export class ConstantPad1d extends constantPadLayer(1) {}
/** A border of one value: (..., H, W). */
export class ConstantPad2d extends constantPadLayer(2) {}
/** A border of one value: (..., D, H, W). */
export class ConstantPad3d extends constantPadLayer(3) {}
