import { type Tensor, tensor } from '../../tensor/index.ts';
import type { Change } from './change.ts';
import type { Draws } from './draws.ts';
import { filter2d, gaussianBlur, motionBlur, zoomed } from './filters.ts';

/** Out of focus: each point becomes a disk. */
export function defocused(radius: number, soft: number): Change {
  return (x) => filter2d(x, disk(radius, soft));
}

/** Weights (1, side, side) of a disk with a soft edge. Where the edge is cut they add up to a little more than 1. */
function disk(radius: number, soft: number): Tensor {
  const reach = Math.max(8, radius);
  const places = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const hard = places.map((row) => places.map((column) => (row ** 2 + column ** 2 <= radius ** 2 ? 1 : 0)));
  const weights = tensor([hard], { dtype: 'float32' });
  return gaussianBlur(weights.div(weights.sum()), {
    sigma: soft,
    radius: radius <= 8 ? 1 : 2,
    border: 'reflect',
  });
}

/** Behind ground glass: blurred, each pixel replaced by a near one, blurred again. */
export function behindGlass(sigma: number, reach: number, rounds: number): Change {
  const blur = { sigma, radius: Math.round(4 * sigma), border: 'replicate' } as const;
  return (x, draws) => gaussianBlur(shuffled(gaussianBlur(x, blur), reach, rounds, draws), blur);
}

// The published images have copies where the paper speaks of swaps: numpy's `a[i], a[j] = a[j], a[i]` of whole pixels
// writes one of them twice.
function shuffled(x: Tensor, reach: number, rounds: number, draws: Draws): Tensor {
  const [channels, height, width] = x.shape as [number, number, number];
  const values = x.data() as Float32Array;
  const moved = Math.max(0, height - 2 * reach) * Math.max(0, width - 2 * reach);
  for (let round = 0; round < rounds; round++) {
    const noise = draws.many(2 * moved);
    let drawn = 0;
    const jump = () => Math.floor((noise[drawn++] as number) * 2 * reach) - reach;
    for (let row = height - reach; row > reach; row--) {
      for (let column = width - reach; column > reach; column--) {
        const here = row * width + column;
        const there = (row + jump()) * width + column + jump();
        for (let channel = 0; channel < channels; channel++) {
          const base = channel * height * width;
          values[base + here] = values[base + there] as number;
        }
      }
    }
  }
  return tensor(values).view([channels, height, width]);
}

/** The camera moves to one side. */
export function inMotion(radius: number, sigma: number): Change {
  return (x, draws) => motionBlur(x, radius, sigma, draws.between(-45, 45));
}

/** The camera comes nearer, by factors from 1 up to `most` and not that far. */
export function nearing(most: number, by: number): Change {
  const count = Math.ceil((most - 1) / by);
  return (x) => {
    const sum = x.clone();
    for (let i = 0; i < count; i++) sum.add_(zoomed(x, 1 + i * by));
    return sum.div(count + 1);
  };
}
