import { checkNumber, checkPositions, describeValue } from '../../options.ts';
import { noGrad, scope, Tensor, tensor } from '../../tensor/index.ts';
import type { Colour } from '../data/classes.ts';

/**
 * Labels as an image of colours; labels that are no class are black.
 *
 * @param labels classes (H, W), integers
 * @returns `uint8` (3, H, W), for `writePng`
 * @example
 * const image = segment.colourMap(tensor([[0, 13]], { dtype: 'int64' }), segment.CITYSCAPES_COLOURS);
 */
export function colourMap(labels: Tensor, colours: readonly Colour[]): Tensor {
  checkPositions('colourMap', arguments, 2);
  checkLabels('colourMap', labels);
  if (!Array.isArray(colours) || colours.length === 0)
    throw new TypeError(`Expected colours for colourMap, got ${describeValue(colours)}`);
  return scope(() =>
    noGrad(() => {
      const table = tensor([...colours.map((colour) => [...colour]), [0, 0, 0]], { dtype: 'uint8' });
      const known = labels.lt(colours.length).logicalAnd(labels.ge(0));
      const places = labels.to('int64').maskedFill(known.logicalNot(), colours.length);
      return table
        .indexSelect(0, places.flatten())
        .view([...labels.shape, 3])
        .permute([2, 0, 1])
        .contiguous();
    }),
  );
}

/**
 * An image with the colours of its classes over it.
 *
 * @param image `uint8` (3, H, W)
 * @param colours of the pixels, as {@link colourMap} gives them
 * @param share of the colours, from 0 to 1. Default 0.5
 */
export function overlay(image: Tensor, colours: Tensor, share = 0.5): Tensor {
  checkPositions('overlay', arguments, 3);
  for (const [name, one] of Object.entries({ image, colours }))
    if (!(one instanceof Tensor) || one.dtype !== 'uint8' || one.dim() !== 3)
      throw new TypeError(`Expected a uint8 tensor (3, H, W) for overlay ${name}, got ${describeValue(one)}`);
  if (image.shape.join() !== colours.shape.join())
    throw new RangeError(
      `Expected colours of the image's size [${image.shape.join(', ')}] for overlay, got [${colours.shape.join(', ')}]`,
    );
  if (!(checkNumber('overlay', 'share', share, 0) <= 1))
    throw new RangeError(`Expected a number from 0 to 1 for overlay share, got ${share}`);
  return scope(() =>
    noGrad(() =>
      image
        .to('float32')
        .mul(1 - share)
        .add(colours.to('float32'), { alpha: share })
        .round()
        .to('uint8'),
    ),
  );
}

function checkLabels(owner: string, labels: unknown): void {
  if (!(labels instanceof Tensor))
    throw new TypeError(`Expected a Tensor for ${owner} labels, got ${describeValue(labels)}`);
  if (labels.isFloatingPoint() || labels.dim() !== 2)
    throw new RangeError(
      `Expected integer labels (H, W) for ${owner}, got ${labels.dtype} [${labels.shape.join(', ')}]`,
    );
}
