import { scope, type Tensor, zeros } from '../../tensor/index.ts';

/** Height and width. */
export type WindowSize = readonly [height: number, width: number];

/** Where windows begin along a side: `stride` apart, the last one at the end. */
export function windowStarts(size: number, window: number, stride: number): number[] {
  const starts: number[] = [];
  for (let start = 0; start + window < size; start += stride) starts.push(start);
  return [...starts, Math.max(0, size - window)];
}

/**
 * Means of what a network gives for windows of an image (N, 3, H, W), over the windows that a pixel lies in. An image that is
 * smaller than a window is padded with zeros, the mean of normalised images, and what belongs to it is taken.
 *
 * @param run gives (N, C, h, w) for a window (N, 3, h, w)
 */
export async function overWindows(
  image: Tensor,
  [height, width]: WindowSize,
  stride: WindowSize,
  run: (window: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  const [batch, , rows, columns] = image.shape as [number, number, number, number];
  const [tall, wide] = [Math.max(rows, height), Math.max(columns, width)];
  const padded =
    tall > rows || wide > columns ? image.constantPadNd([0, wide - columns, 0, tall - rows], 0) : image;
  const counts = zeros([1, 1, tall, wide]);
  let sum: Tensor | undefined;
  for (const top of windowStarts(tall, height, stride[0]))
    for (const left of windowStarts(wide, width, stride[1])) {
      const place = (of: Tensor) => of.narrow(2, top, height).narrow(3, left, width);
      const window = scope(() => place(padded).contiguous());
      const given = await run(window);
      sum ??= zeros([batch, given.shape[1] as number, tall, wide]);
      const total = sum;
      scope(() => place(total).add_(given));
      scope(() => place(counts).add_(1));
      for (const one of [window, given]) one.dispose();
    }
  const result = scope(() =>
    (sum as Tensor).div_(counts).narrow(2, 0, rows).narrow(3, 0, columns).contiguous(),
  );
  for (const one of [sum, counts, padded]) if (one !== image && one !== result) one?.dispose();
  return result;
}
