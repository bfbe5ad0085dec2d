import { arange, ops, type Tensor, tensor } from '../../tensor/index.ts';
import type { Change } from './change.ts';
import type { Draws } from './draws.ts';
import { gaussianBlur, sampledAt, sizeOf } from './filters.ts';

/** Each pixel's own row (H, 1) and column (1, W). */
function places(x: Tensor): [rows: Tensor, columns: Tensor] {
  const [height, width] = sizeOf(x);
  const upTo = (length: number) => arange(length, { dtype: 'float32' });
  return [upTo(height).unsqueeze(1), upTo(width).unsqueeze(0)];
}

/** Tilts the image, then moves pixels by smooth random steps. */
export function elastic(strength: number, sigma: number, tilt: number): Change {
  const blur = { sigma, radius: Math.round(3 * sigma), border: 'reflect' } as const;
  return (x, draws) => {
    const tilted = affine(x, tilt, draws);
    const noise = draws
      .uniform([2, ...sizeOf(x)])
      .mul(2)
      .sub(1);
    const [down, right] = gaussianBlur(noise, blur).mul(strength).unbind(0) as [Tensor, Tensor];
    const [rows, columns] = places(x);
    return sampledAt(tilted, down.add(rows), right.add(columns));
  };
}

/** Moves three points, each by up to `reach` in both directions, and the image with them. */
function affine(x: Tensor, reach: number, draws: Draws): Tensor {
  const [height, width] = sizeOf(x);
  const [right, down] = [Math.floor(width / 2), Math.floor(height / 2)];
  const third = Math.floor(Math.min(height, width) / 3);
  const before = [
    [right + third, down + third, 1],
    [right + third, down - third, 1],
    [right - third, down - third, 1],
  ];
  const after = before.map(([a, b]) => [
    (a as number) + draws.between(-reach, reach),
    (b as number) + draws.between(-reach, reach),
    1,
  ]);
  const points = (of: number[][]) => tensor(of, { dtype: 'float64' });
  // Where each pixel comes from.
  const matrix = ops.aten.linalg_solve(points(after), points(before)).toArray() as number[][];
  const [rows, columns] = places(x);
  const from = (axis: 0 | 1) => {
    const [a, b, c] = matrix.map((line) => line[axis]) as [number, number, number];
    return columns.mul(a).add(rows.mul(b)).add(c);
  };
  return sampledAt(x, from(1), from(0));
}
