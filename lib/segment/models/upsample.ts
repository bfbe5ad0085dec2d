import { ops, type Tensor } from '../../tensor/index.ts';

/** A map (N, C, h, w), bilinearly at another size. */
export function upsampled(x: Tensor, size: readonly number[], alignCorners: boolean): Tensor {
  return ops.aten.upsample_bilinear2d(x, [...size], alignCorners);
}
