import { checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { isTensor, linspace, ops, scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { checkPoint, type Point } from './affine.ts';
import { applyGrid, baseGrid, checkGrid, type GridOptions, gridDtype } from './grid.ts';
import { checkImage, imageSize } from './image.ts';

/** Four corners: upper left, upper right, lower right, lower left. */
export type Corners = readonly [Point, Point, Point, Point];

/** Options of {@link perspective}. */
export interface PerspectiveOptions extends GridOptions {
  /** The eight numbers of the map from output to input, in place of the points. */
  coefficients?: readonly number[];
}

/**
 * Moves the points `startpoints` of (..., C, H, W) to `endpoints`, and what is between accordingly. As torchvision's
 * (0.28).
 *
 * @param startpoints null where `coefficients` are given
 */
export function perspective(
  image: Tensor,
  startpoints: Corners | null,
  endpoints: Corners | null,
  options: PerspectiveOptions = {},
): Tensor {
  checkPositions('perspective', arguments, 4);
  checkImage(image, 'perspective');
  checkOptions('perspective', options, ['interpolation', 'fill', 'coefficients']);
  const { interpolation = 'bilinear', fill = null } = options;
  checkGrid(image, interpolation, fill, 'perspective');
  const coefficients = coefficientsOf(startpoints, endpoints, options.coefficients);
  return scope(() => applyGrid(image, perspectiveGrid(coefficients, image), interpolation, fill));
}

function coefficientsOf(
  start: Corners | null,
  end: Corners | null,
  given: readonly number[] | undefined,
): readonly number[] {
  if (given === undefined && start !== null && end !== null) return perspectiveCoefficients(start, end);
  if (given === undefined || start !== null || end !== null) {
    const got = given === undefined ? 'neither' : 'both';
    throw new TypeError(`Expected startpoints and endpoints or coefficients for perspective, got ${got}`);
  }
  const isList = Array.isArray(given);
  if (isList && given.length === 8 && given.every(Number.isFinite)) return given;
  const got = describeValue(isList ? given.length : given);
  throw new RangeError(`Expected 8 numbers for perspective coefficients, got ${got}`);
}

/** The eight numbers that lead from `endpoints` back to `startpoints`, by least squares in float64. */
export function perspectiveCoefficients(startpoints: Corners, endpoints: Corners): number[] {
  for (const [name, points] of Object.entries({ startpoints, endpoints })) {
    if (!Array.isArray(points) || points.length !== 4) {
      const got = Array.isArray(points) ? points.length : describeValue(points);
      throw new RangeError(`Expected four corners for perspective ${name}, got ${got}`);
    }
    for (const point of points) checkPoint(point, `perspective ${name}`);
  }
  const rows = endpoints.flatMap(([x, y], i) => {
    const [u, v] = startpoints[i] as Point;
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y],
      [0, 0, 0, x, y, 1, -v * x, -v * y],
    ];
  });
  return solve(rows, startpoints.flat());
}

function solve(rows: number[][], wanted: number[]): number[] {
  const options = { dtype: 'float64' } as const;
  try {
    return scope(() => {
      const right = tensor(wanted, options);
      const [solution] = ops.aten.linalg_lstsq(tensor(rows, options), right, null, { driver: 'gels' });
      return solution.to('float32').toArray() as number[];
    });
  } catch (cause) {
    throw new RangeError('Expected corners of which no three lie on a line for perspective endpoints', {
      cause,
    });
  }
}

/** Where each pixel comes from (torchvision 0.28, `_perspective_grid`). */
function perspectiveGrid(coefficients: readonly number[], image: Tensor): Tensor {
  const [height, width] = imageSize(image, 'perspective');
  const { device } = image;
  const dtype = gridDtype(image);
  const options = { dtype, device };
  const [a, b, c, d, e, f, g, h] = coefficients as number[];
  const upper = tensor(
    [
      [
        [a, b, c],
        [d, e, f],
      ],
    ] as number[][][],
    options,
  );
  const lower = tensor(
    [
      [
        [g, h, 1],
        [g, h, 1],
      ],
    ] as number[][][],
    options,
  );
  const x = linspace(0.5, width - 0.5, width, options);
  const y = linspace(0.5, height - 0.5, height, options);
  const grid = baseGrid(x, y);
  const scaled = upper.transpose(1, 2).div_(tensor([0.5 * width, 0.5 * height], options));
  const places = grid
    .bmm(scaled)
    .div(grid.bmm(lower.transpose(1, 2)))
    .sub(1);
  return places.view([1, height, width, 2]);
}

/**
 * Takes each pixel of (..., C, H, W) from a place beside its own. As torchvision's (0.28).
 *
 * @param displacement (1, H, W, 2): shifts to the right and down, in halves of the image's width and height
 */
export function elastic(image: Tensor, displacement: Tensor, options: GridOptions = {}): Tensor {
  checkPositions('elastic', arguments, 3);
  checkImage(image, 'elastic');
  checkOptions('elastic', options, ['interpolation', 'fill']);
  const { interpolation = 'bilinear', fill = null } = options;
  checkGrid(image, interpolation, fill, 'elastic');
  const [height, width] = imageSize(image, 'elastic');
  if (!isTensor(displacement)) {
    throw new TypeError(`Expected a Tensor for elastic displacement, got ${describeValue(displacement)}`);
  }
  const { shape } = displacement;
  if (shape.length !== 4 || shape[0] !== 1 || shape[1] !== height || shape[2] !== width || shape[3] !== 2) {
    throw new RangeError(
      `Expected [1, ${height}, ${width}, 2] for elastic displacement, got [${shape.join(', ')}]`,
    );
  }
  return scope(() => {
    // The CPU samples no half precision.
    const isHalf = image.dtype === 'float16' && image.device === 'cpu';
    const from = isHalf ? image.to('float32') : image;
    const options = { dtype: gridDtype(from), device: image.device };
    const x = linspace((1 - width) / width, (width - 1) / width, width, options);
    const y = linspace((1 - height) / height, (height - 1) / height, height, options);
    const identity = baseGrid(x, y).narrow(-1, 0, 2).reshape([1, height, width, 2]);
    const grid = identity.add(displacement.to({ dtype: options.dtype, device: image.device }));
    const bent = applyGrid(from, grid, interpolation, fill);
    return isHalf ? bent.to('float16') : bent;
  });
}
