import { checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { ops, scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { asBatch, channelsOf, checkImage, floating, imageSize, listOf, repr } from './image.ts';

/** Padding in pixels: one number, [left/right, top/bottom], or [left, top, right, bottom]. */
export type Padding =
  | number
  | readonly [across: number, down: number]
  | readonly [left: number, top: number, right: number, bottom: number];

/** What is outside the image: a constant, its edge, its reflection without or with the edge itself. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** The value of pixels that come from nowhere: one number, or one for each channel. Null leaves them black. */
export type Fill = number | readonly number[] | null;

/** Options of {@link pad}. */
export interface PadOptions {
  /** For `'constant'`. Default 0. */
  fill?: Fill;
  /** Default `'constant'`. */
  paddingMode?: PaddingMode;
}

const MODES: readonly PaddingMode[] = ['constant', 'edge', 'reflect', 'symmetric'];

/**
 * Adds pixels around (..., C, H, W). Negative numbers crop, with `'constant'`. As torchvision's (0.28).
 *
 * @throws RangeError for reflections that an image is too small for
 */
export function pad(image: Tensor, padding: Padding, options: PadOptions = {}): Tensor {
  checkPositions('pad', arguments, 3);
  checkImage(image, 'pad');
  checkOptions('pad', options, ['fill', 'paddingMode']);
  const sides = fourSides(padding, 'pad padding');
  const mode = checkPaddingMode(options.paddingMode ?? 'constant', 'pad');
  const fill = options.fill ?? 0;
  if (typeof fill !== 'number' && !Array.isArray(fill)) {
    throw new TypeError(`Expected a number or an array of numbers for pad fill, got ${describeValue(fill)}`);
  }
  imageSize(image, 'pad');
  if (mode === 'constant') return padConstant(image, sides, fill);
  checkReflection(image, sides, mode, fill);
  if (mode === 'symmetric') return padSymmetric(image, sides);
  const [left, top, right, bottom] = sides;
  const op = mode === 'edge' ? ops.aten.replication_pad2d : ops.aten.reflection_pad2d;
  return scope(() =>
    asBatch(floating(image), (batch) => op(batch, [left, right, top, bottom])).to(image.dtype),
  );
}

type Sides = readonly [left: number, top: number, right: number, bottom: number];

/** Padding as left, top, right, bottom. */
export function fourSides(padding: Padding, name: string): Sides {
  const sides = typeof padding === 'number' ? [padding, padding, padding, padding] : listOf(padding);
  const four = sides.length === 2 ? [...sides, ...sides] : sides;
  if (four.length === 4 && four.every((side) => Number.isInteger(side))) return four as unknown as Sides;
  throw new RangeError(`Expected 1, 2 or 4 integers for ${name}, got ${repr(padding)}`);
}

/** A mode that there is. */
export function checkPaddingMode(mode: PaddingMode, name: string): PaddingMode {
  if (MODES.includes(mode)) return mode;
  const known = '"constant", "edge", "reflect" or "symmetric"';
  throw new RangeError(`Expected ${known} for ${name} paddingMode, got ${describeValue(mode)}`);
}

function padConstant(image: Tensor, sides: Sides, fill: number | readonly number[]): Tensor {
  const [left, top, right, bottom] = sides;
  const widths = [left, right, top, bottom];
  const values = typeof fill === 'number' ? [fill] : fill;
  if (values.length === 1) return ops.aten.constant_pad_nd(image, widths, values[0] as number);
  checkFillChannels(values, image, 'pad');
  return scope(() => {
    const padded = ops.aten.constant_pad_nd(image, widths, 0);
    const colour = tensor([...values], { device: image.device })
      .to(image.dtype)
      .reshape([-1, 1, 1]);
    const [height, width] = imageSize(padded, 'pad');
    if (top > 0) padded.narrow(-2, 0, top).copy_(colour);
    if (left > 0) padded.narrow(-1, 0, left).copy_(colour);
    if (bottom > 0) padded.narrow(-2, height - bottom, bottom).copy_(colour);
    if (right > 0) padded.narrow(-1, width - right, right).copy_(colour);
    return padded;
  });
}

/** Refuses a fill of neither one number nor one for each channel. */
export function checkFillChannels(fill: readonly number[], image: Tensor, name: string): void {
  const channels = channelsOf(image, name);
  if (fill.length === 1 || fill.length === channels) return;
  throw new RangeError(`Expected 1 or ${channels} numbers for ${name} fill, got ${repr([...fill])}`);
}

function checkReflection(
  image: Tensor,
  sides: Sides,
  mode: PaddingMode,
  fill: number | readonly number[],
): void {
  if (typeof fill !== 'number' && fill.length > 1) {
    throw new RangeError(
      `Expected one number for pad fill with paddingMode "${mode}", got ${repr([...fill])}`,
    );
  }
  const [height, width] = imageSize(image, 'pad');
  const edge = { edge: Infinity, symmetric: 0, reflect: -1, constant: 0 }[mode];
  const [down, across] = [height + edge, width + edge];
  const [left, top, right, bottom] = sides;
  const fits = Math.max(left, right) <= across && Math.max(top, bottom) <= down;
  if (fits && sides.every((side) => side >= 0)) return;
  const most = mode === 'edge' ? 'integers of at least 0' : `0 to ${down} rows and 0 to ${across} columns`;
  throw new RangeError(
    `Expected ${most} for pad padding of an image (${height}, ${width}) with paddingMode "${mode}", got ${repr([...sides])}`,
  );
}

function padSymmetric(image: Tensor, [left, top, right, bottom]: Sides): Tensor {
  const [height, width] = imageSize(image, 'pad');
  return scope(() => {
    const rows = tensor(mirrored(height, top, bottom), { dtype: 'int64', device: image.device });
    const columns = tensor(mirrored(width, left, right), { dtype: 'int64', device: image.device });
    return image.indexSelect(-2, rows).indexSelect(-1, columns);
  });
}

/** Indices of a side with `before` reflected ones before it and `after` behind it. */
function mirrored(length: number, before: number, after: number): number[] {
  const all = Array.from({ length }, (_, i) => i);
  return [...all.slice(0, before).reverse(), ...all, ...all.slice(length - after).reverse()];
}
