import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { ops, scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { affineGrid, applyGrid, checkGrid, type GridOptions } from './grid.ts';
import { checkImage, imageSize } from './image.ts';

/** A place or a shift, in pixels: to the right, then down. */
export type Point = readonly [x: number, y: number];

/** Options of {@link affine}. */
export interface AffineOptions extends GridOptions {
  /** The place that stays, from the upper left corner. Default the middle. */
  center?: Point | null;
}

/** Options of {@link rotate}. */
export interface RotateOptions extends AffineOptions {
  /** Make the result large enough to hold all of the image. Default false. */
  expand?: boolean;
}

/**
 * Turns (..., C, H, W) by `angle` degrees clockwise, shifts, scales and shears it. As torchvision's (0.28).
 *
 * @param shear degrees along x, or along x and y
 * @example
 * transforms.functional.affine(image, 10, [20, 0], 1.2, [0, 0], { interpolation: 'bilinear' });
 */
export function affine(
  image: Tensor,
  angle: number,
  translate: Point,
  scale: number,
  shear: number | Point,
  options: AffineOptions = {},
): Tensor {
  checkPositions('affine', arguments, 6);
  checkImage(image, 'affine');
  checkOptions('affine', options, ['interpolation', 'fill', 'center']);
  const { interpolation = 'nearest', fill = null, center = null } = options;
  checkGrid(image, interpolation, fill, 'affine');
  if (!(scale > 0))
    throw new RangeError(`Expected a positive number for affine scale, got ${describeValue(scale)}`);
  const size = imageSize(image, 'affine');
  const shears = typeof shear === 'number' ? ([shear, 0] as const) : shear;
  for (const [name, value] of Object.entries({ translate, shear: shears }))
    checkPoint(value, `affine ${name}`);
  const matrix = inverseMatrix(
    fromMiddle(center, size),
    numeric(angle, 'affine angle'),
    translate,
    scale,
    shears,
  );
  return scope(() => applyGrid(image, affineGrid(matrix, size, size, image), interpolation, fill));
}

/**
 * Turns (..., C, H, W) by `angle` degrees against the clock. Quarter turns move pixels without computing any. As
 * torchvision's (0.28).
 *
 * @example
 * transforms.functional.rotate(image, 30, { expand: true, fill: [124, 116, 104] });
 */
export function rotate(image: Tensor, angle: number, options: RotateOptions = {}): Tensor {
  checkPositions('rotate', arguments, 3);
  checkImage(image, 'rotate');
  checkOptions('rotate', options, ['interpolation', 'expand', 'center', 'fill']);
  const { interpolation = 'nearest', fill = null, center = null, expand = false } = options;
  checkFlag('rotate expand', expand);
  checkGrid(image, interpolation, fill, 'rotate');
  const size = imageSize(image, 'rotate');
  const rest = numeric(angle, 'rotate angle') % 360;
  const turn = rest < 0 ? rest + 360 : rest;
  if (center === null) {
    if (turn === 0) return image.clone();
    const quarters = turn / 90;
    const fits = expand || size[0] === size[1] || quarters === 2;
    if (Number.isInteger(quarters) && fits) return ops.aten.rot90(image, quarters, [-2, -1]);
  }
  const matrix = inverseMatrix(fromMiddle(center, size), -turn, [0, 0], 1, [0, 0]);
  return scope(() => {
    const target = expand ? turnedSize(matrix, size) : size;
    return applyGrid(image, affineGrid(matrix, size, target, image), interpolation, fill);
  });
}

function numeric(value: number, name: string): number {
  if (Number.isFinite(value)) return value;
  throw new TypeError(`Expected a number for ${name}, got ${describeValue(value)}`);
}

/** Refuses what is no pair of numbers. */
export function checkPoint(value: unknown, name: string): void {
  if (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)) return;
  throw new TypeError(`Expected a pair of numbers for ${name}, got ${describeValue(value)}`);
}

function fromMiddle(center: Point | null, [height, width]: readonly [number, number]): Point {
  if (center === null) return [0, 0];
  checkPoint(center, 'center');
  return [center[0] - width * 0.5, center[1] - height * 0.5];
}

const radians = (degrees: number) => degrees * (Math.PI / 180);

/** The matrix that leads from the result back to the image (torchvision 0.28, `_get_inverse_affine_matrix`). */
function inverseMatrix(
  [cx, cy]: Point,
  angle: number,
  [tx, ty]: Point,
  scale: number,
  shear: Point,
): [number, number, number, number, number, number] {
  const [turn, sx, sy] = [radians(angle), radians(shear[0]), radians(shear[1])];
  const a = Math.cos(turn - sy) / Math.cos(sy);
  const b = -(a * Math.tan(sx) + Math.sin(turn));
  const c = Math.sin(turn - sy) / Math.cos(sy);
  const d = Math.cos(turn) - c * Math.tan(sx);
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  const x = cx - m0 * (cx + tx) - m1 * (cy + ty);
  const y = cy - m3 * (cx + tx) - m4 * (cy + ty);
  return [m0, m1, x, m3, m4, y];
}

/** The size that holds a turned image; float32 and its tolerance are torchvision's. */
function turnedSize(matrix: readonly number[], [height, width]: readonly [number, number]): [number, number] {
  const [x, y] = [0.5 * width, 0.5 * height];
  const corners = tensor([
    [-x, -y, 1],
    [-x, y, 1],
    [x, y, 1],
    [x, -y, 1],
  ]);
  const turned = corners.matmul(
    tensor([...matrix])
      .view([2, 3])
      .t(),
  );
  const half = tensor([x, y]);
  const bound = (values: Tensor) => values.add(half).mul(1e4).trunc().mul(1e-4);
  const size = bound(turned.amax([0]))
    .ceil()
    .sub(bound(turned.amin([0])).floor());
  const [across, down] = size.toArray() as [number, number];
  return [down, across];
}
