import { checkPositions } from '../../../options.ts';
import { cat, full, ops, scope, type Tensor, where, zeros } from '../../../tensor/index.ts';
import { toDtype } from './dtype.ts';
import { checkChannels, checkImage, floating, imageSize, maxValue } from './image.ts';

/** Stretches each channel of (..., 1 or 3, H, W) to the whole range from black to white. As torchvision's (0.28). */
export function autocontrast(image: Tensor): Tensor {
  checkPositions('autocontrast', arguments, 1);
  checkImage(image, 'autocontrast');
  checkChannels(image, 'autocontrast');
  if (image.numel() === 0) return image;
  const white = maxValue(image.dtype);
  return scope(() => {
    const values = floating(image);
    const darkest = values.amin([-2, -1], true);
    const brightest = values.amax([-2, -1], true);
    const flat = brightest.eq(darkest);
    const step = brightest
      .sub(darkest)
      .mul(1 / white)
      .maskedFill(flat, 1);
    return values.sub(darkest.maskedFill(flat, 0)).div(step).clamp(0, white).to(image.dtype);
  });
}

const LEVELS = 256;

/**
 * Spreads the values of each channel of (..., C, H, W) so that all are as frequent, by Pillow's scheme in 256 levels.
 * As torchvision's (0.28).
 */
export function equalize(image: Tensor): Tensor {
  checkPositions('equalize', arguments, 1);
  checkImage(image, 'equalize');
  imageSize(image, 'equalize');
  if (image.numel() === 0) return image;
  return scope(() => {
    const levels = toDtype(image, 'uint8', { scale: true });
    const flat = levels.flatten(-2, -1).to('int64');
    const counts = histogram(flat);
    const upTo = counts.cumsum(-1);
    const last = counts.gather(-1, upTo.argmax(-1, true)); // pixels of the brightest value
    const step = last
      .neg()
      .add(flat.shape.at(-1) as number)
      .div(255, { roundingMode: 'floor' });
    const table = lookUp(upTo, step);
    const spread = table.gather(-1, flat).reshape(levels.shape);
    const known = step.ne(0).unsqueeze(-1);
    return toDtype(where(known, spread, levels), image.dtype, { scale: true });
  });
}

/** How often each of 256 values is in each row. */
function histogram(rows: Tensor): Tensor {
  const { device } = rows;
  const none = zeros([...rows.shape.slice(0, -1), LEVELS], { dtype: 'int64', device });
  const one = full([1], 1, { dtype: 'int64', device });
  return ops.aten.scatter_add(none, -1, rows, one.expand(rows.shape));
}

/** What each value becomes. */
function lookUp(upTo: Tensor, step: Tensor): Tensor {
  const half = step.div(2, { roundingMode: 'floor' });
  const higher = upTo
    .narrow(-1, 0, LEVELS - 1)
    .add(half)
    .div(step.clamp(1), { roundingMode: 'floor' })
    .clamp(0, LEVELS - 1);
  return cat(
    [zeros([...higher.shape.slice(0, -1), 1], { dtype: 'int64', device: step.device }), higher],
    -1,
  ).to('uint8');
}
