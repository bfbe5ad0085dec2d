import { type Tensor, tensor } from '../../tensor/index.ts';

/** One way in which all images are changed. */
export interface Condition {
  readonly name: string;
  /** Changes a batch of normalised images (N, C, H, W); `std` is what they were divided by. */
  change(batch: Tensor, std: readonly number[]): Tensor;
}

/** The images as they are. */
export const ORIGIN: Condition = { name: 'origin', change: (batch) => batch };

/**
 * The paper's Table 1, less Monet's paintings, as its figures say they must be: 50 of 255 added to all channels or to
 * red, and the normalised image times 1.5, none of them clipped to what an image can be. IBN-b's error is the same with
 * and without the third, which holds for nothing else.
 */
export const TABLE_1: readonly Condition[] = [
  {
    name: 'RGB+50',
    change: (batch, std) =>
      shifted(
        batch,
        std,
        std.map(() => 50),
      ),
  },
  {
    name: 'R+50',
    change: (batch, std) =>
      shifted(
        batch,
        std,
        std.map((_, channel) => (channel === 0 ? 50 : 0)),
      ),
  },
  { name: 'std x1.5', change: (batch) => batch.mul(1.5) },
];

function shifted(batch: Tensor, std: readonly number[], shift: readonly number[]): Tensor {
  const values = shift.map((value, channel) => value / 255 / (std[channel] as number));
  return batch.add(tensor(values, { dtype: 'float32' }).view(-1, 1, 1));
}
