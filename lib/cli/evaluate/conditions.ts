import { noGrad, scope, stack, type Tensor, tensor } from '../../tensor/index.ts';
import type { Preparation } from '../network/preparation.ts';

/** An image in its final size, and its number among all. */
export interface NumberedImage {
  readonly shaped: Tensor;
  readonly number: number;
}

/** One way in which all images are changed. */
export interface Condition {
  readonly name: string;
  /** What the network takes for the images: (N, C, H, W). */
  inputs(images: readonly NumberedImage[], preparation: Preparation): Promise<Tensor>;
}

/** Images in their final size, normalised: (N, C, H, W). */
export function batchOf(images: readonly Tensor[], preparation: Preparation): Tensor {
  return scope(() =>
    noGrad(() =>
      stack(
        images.map((image) => preparation.normalise(image)),
        0,
      ),
    ),
  );
}

/** Changes a batch of normalised images; `std` is what they were divided by. */
function normalised(name: string, change: (batch: Tensor, std: readonly number[]) => Tensor): Condition {
  const inputs = async (images: readonly NumberedImage[], preparation: Preparation) =>
    scope(() =>
      noGrad(() => {
        const shaped = images.map((image) => image.shaped);
        return change(batchOf(shaped, preparation), preparation.std);
      }),
    );
  return { name, inputs };
}

/** The images as they are. */
export const ORIGIN: Condition = normalised('origin', (batch) => batch);

/** A way to change a batch of normalised images; `std` is what they were divided by. */
export interface Change {
  readonly name: string;
  change(batch: Tensor, std: readonly number[]): Tensor;
}

/**
 * The paper's Table 1, less Monet's paintings, as its figures say they must be: 50 of 255 added to all channels or to
 * red, and the normalised image times 1.5, none of them clipped to what an image can be. IBN-b's error is the same with
 * and without the third, which holds for nothing else.
 */
export const TABLE_1_CHANGES: readonly Change[] = [
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

/** The same as conditions of an evaluation. */
export const TABLE_1: readonly Condition[] = TABLE_1_CHANGES.map(({ name, change }) =>
  normalised(name, change),
);

function shifted(batch: Tensor, std: readonly number[], shift: readonly number[]): Tensor {
  const values = shift.map((value, channel) => value / 255 / (std[channel] as number));
  return batch.add(tensor(values, { dtype: 'float32', device: batch.device }).view(-1, 1, 1));
}
