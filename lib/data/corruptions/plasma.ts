import type { Draws } from './draws.ts';

/**
 * Clouds from 0 to 1, `size` x `size` (a power of two), whose pieces fade with `decay`: squares are divided again and
 * again, and each new corner is the mean of its neighbours and a random step.
 */
export function plasma(size: number, decay: number, draws: Draws): Float32Array {
  const map = new Float32Array(size * size);
  const place = (row: number, column: number) => (row & (size - 1)) * size + (column & (size - 1));
  const get = (row: number, column: number) => map[place(row, column)] as number;
  let reach = 100;
  for (let step = size; step >= 2; step /= 2) {
    const half = step / 2;
    const noise = draws.many(3 * (size / step) ** 2);
    let drawn = 0;
    const near = (sum: number) => sum / 4 + reach * reach * (2 * (noise[drawn++] as number) - 1);
    for (let row = 0; row < size; row += step) {
      for (let column = 0; column < size; column += step) {
        const above = get(row, column) + get(row, column + step);
        const below = get(row + step, column) + get(row + step, column + step);
        map[place(row + half, column + half)] = near(above + below);
      }
    }
    for (let row = 0; row < size; row += step) {
      for (let column = 0; column < size; column += step) {
        const both = get(row, column) + get(row + half, column + half);
        map[place(row, column + half)] = near(
          both + get(row, column + step) + get(row - half, column + half),
        );
        map[place(row + half, column)] = near(
          both + get(row + step, column) + get(row + half, column - half),
        );
      }
    }
    reach /= decay;
  }
  return scaled(map);
}

function scaled(map: Float32Array): Float32Array {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of map) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return map.map((value) => (value - least) / (most - least || 1));
}
