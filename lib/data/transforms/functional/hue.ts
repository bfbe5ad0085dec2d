import { checkPositions, describeValue } from '../../../options.ts';
import { ops, scope, stack, type Tensor, tensor } from '../../../tensor/index.ts';
import { toDtype } from './dtype.ts';
import { checkChannels, checkImage } from './image.ts';

/**
 * Turns the hues of (..., 1 or 3, H, W) by `hueFactor` of the colour wheel, -0.5 to 0.5; gray images stay. As
 * torchvision's (0.28).
 *
 * @throws RangeError for a factor beyond half a turn
 */
export function adjustHue(image: Tensor, hueFactor: number): Tensor {
  checkPositions('adjustHue', arguments, 2);
  checkImage(image, 'adjustHue');
  if (!(hueFactor >= -0.5 && hueFactor <= 0.5)) {
    throw new RangeError(`Expected -0.5 to 0.5 for adjustHue hueFactor, got ${describeValue(hueFactor)}`);
  }
  if (checkChannels(image, 'adjustHue') === 1 || image.numel() === 0) return image;
  return scope(() => {
    const [h, s, v] = rgbToHsv(toDtype(image, 'float32', { scale: true }));
    const turned = hsvToRgb(h.add_(hueFactor).remainder_(1), s, v);
    return toDtype(turned, image.dtype, { scale: true });
  });
}

/** Hue, saturation and value, each (..., H, W), in [0, 1]. */
function rgbToHsv(image: Tensor): [h: Tensor, s: Tensor, v: Tensor] {
  const [r, g] = image.unbind(-3) as [Tensor, Tensor];
  const [darkest, brightest] = ops.aten.aminmax(image, { dim: -3 }) as [Tensor, Tensor];
  const gray = brightest.eq(darkest);
  const range = brightest.sub(darkest);
  const s = range.div(brightest.maskedFill(gray, 1));
  const divisor = range.maskedFill(gray, 1).unsqueeze(-3);
  const [rc, gc, bc] = brightest.unsqueeze(-3).sub(image).div(divisor).unbind(-3) as [Tensor, Tensor, Tensor];
  const notRed = brightest.ne(r);
  const green = brightest.eq(g).logicalAnd(notRed);
  const hg = rc.add(2).sub(bc).mul(green);
  const hr = bc.sub(gc).mul(notRed.logicalNot());
  const hb = gc
    .add(4)
    .sub(rc)
    .mul(notRed.logicalAnd(brightest.ne(g)));
  const h = hr
    .add(hg)
    .add(hb)
    .mul(1 / 6)
    .add(1)
    .fmod(1);
  return [h, s, brightest];
}

/** Which of value, p, q, t each of red, green and blue is, for each sixth of the colour wheel. */
const SIXTHS = [
  [0, 2, 1, 1, 3, 0],
  [3, 0, 0, 2, 1, 1],
  [1, 1, 3, 0, 0, 2],
];

function hsvToRgb(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const h6 = h.mul(6);
  const floor = h6.floor();
  const fraction = h6.sub(floor);
  const sixth = floor.to('int32').remainder(6).to('int64');
  const part = s.mul(fraction);
  const rest = s.neg().add(1);
  const q = part.neg().add(1).mul(v).clamp(0, 1);
  const t = part.add(rest).mul(v).clamp(0, 1);
  const p = rest.mul(v).clamp(0, 1);
  const choice = SIXTHS.map((row) => tensor(row, { dtype: 'int64', device: h.device }).index(sixth));
  return stack([v, p, q, t], -3).gather(-3, stack(choice, -3));
}
