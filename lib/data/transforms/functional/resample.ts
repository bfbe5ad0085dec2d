import { unwrap, wrapTensor } from '../../../ops/index.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { native } from '../../../tensor/native.ts';

/** What native code resizes by, as it counts them. */
const FILTERS: readonly string[] = ['bilinear', 'bicubic', 'lanczos'];

/** Whether {@link resample} takes a batch of images. */
export function isResampled(batch: Tensor, interpolation: string): boolean {
  return (
    batch.dtype === 'uint8' &&
    batch.device === 'cpu' &&
    batch.layout === 'strided' &&
    batch.numel() > 0 &&
    FILTERS.includes(interpolation)
  );
}

/**
 * A uint8 image (N, C, H, W) on the CPU in another size, with low-pass filtering: the bytes that Pillow's
 * `Image.resize` gives for one with these channels.
 */
export function resample(batch: Tensor, [height, width]: readonly number[], interpolation: string): Tensor {
  const filter = FILTERS.indexOf(interpolation);
  return wrapTensor(native.imagesResize(unwrap(batch), height as number, width as number, filter)) as Tensor;
}
