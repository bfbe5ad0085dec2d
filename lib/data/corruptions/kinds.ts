import { ops } from '../../tensor/index.ts';
import { behindGlass, defocused, inMotion, nearing } from './blurs.ts';
import type { Change } from './change.ts';
import { boxResized, sizeOf } from './filters.ts';
import { elastic } from './warp.ts';
import { brightened, foggy, snowy } from './weather.ts';

/** A change for each severity, from 1 to 5. */
type Severities = readonly [Change, Change, Change, Change, Change];

const gaussian =
  (deviation: number): Change =>
  (x, draws) =>
    x.add(draws.normal(x.shape).mul(deviation));

const shot =
  (photons: number): Change =>
  (x, draws) =>
    ops.aten.poisson(x.mul(photons), draws.generator).div(photons);

/** Salt and pepper. */
const impulse =
  (amount: number): Change =>
  (x, draws) => {
    const [struck, salt] = [draws.uniform(x.shape).lt(amount), draws.uniform(x.shape).lt(0.5)];
    return salt.to('float32').where(struck, x);
  };

const contrast =
  (share: number): Change =>
  (x) => {
    const mean = x.mean([1, 2], { keepdim: true });
    return x.sub(mean).mul(share).add(mean);
  };

const pixelated =
  (share: number): Change =>
  (x) => {
    const [height, width] = sizeOf(x);
    const fewer = (length: number) => Math.max(1, Math.floor(length * share));
    return boxResized(boxResized(x, fewer(height), fewer(width)), height, width);
  };

/** The settings of Hendrycks and Dietterich, 2019. `jpeg_compression` stands in `jpeg.ts`. */
export const KINDS = {
  gaussian_noise: [gaussian(0.08), gaussian(0.12), gaussian(0.18), gaussian(0.26), gaussian(0.38)],
  shot_noise: [shot(60), shot(25), shot(12), shot(5), shot(3)],
  impulse_noise: [impulse(0.03), impulse(0.06), impulse(0.09), impulse(0.17), impulse(0.27)],
  defocus_blur: [
    defocused(3, 0.1),
    defocused(4, 0.5),
    defocused(6, 0.5),
    defocused(8, 0.5),
    defocused(10, 0.5),
  ],
  glass_blur: [
    behindGlass(0.7, 1, 2),
    behindGlass(0.9, 2, 1),
    behindGlass(1, 2, 3),
    behindGlass(1.1, 3, 2),
    behindGlass(1.5, 4, 2),
  ],
  motion_blur: [inMotion(10, 3), inMotion(15, 5), inMotion(15, 8), inMotion(15, 12), inMotion(20, 15)],
  zoom_blur: [
    nearing(1.11, 0.01),
    nearing(1.16, 0.01),
    nearing(1.21, 0.02),
    nearing(1.26, 0.02),
    nearing(1.31, 0.03),
  ],
  snow: [
    snowy({ mean: 0.1, deviation: 0.3, zoom: 3, threshold: 0.5, radius: 10, sigma: 4, share: 0.8 }),
    snowy({ mean: 0.2, deviation: 0.3, zoom: 2, threshold: 0.5, radius: 12, sigma: 4, share: 0.7 }),
    snowy({ mean: 0.55, deviation: 0.3, zoom: 4, threshold: 0.9, radius: 12, sigma: 8, share: 0.7 }),
    snowy({ mean: 0.55, deviation: 0.3, zoom: 4.5, threshold: 0.85, radius: 12, sigma: 8, share: 0.65 }),
    snowy({ mean: 0.55, deviation: 0.3, zoom: 2.5, threshold: 0.85, radius: 12, sigma: 12, share: 0.55 }),
  ],
  fog: [foggy(1.5, 2), foggy(2, 2), foggy(2.5, 1.7), foggy(2.5, 1.5), foggy(3, 1.4)],
  brightness: [brightened(0.1), brightened(0.2), brightened(0.3), brightened(0.4), brightened(0.5)],
  contrast: [contrast(0.4), contrast(0.3), contrast(0.2), contrast(0.1), contrast(0.05)],
  elastic_transform: [
    elastic(488, 170.8, 24.4),
    elastic(488, 19.52, 48.8),
    elastic(12.2, 2.44, 4.88),
    elastic(17.08, 2.44, 4.88),
    elastic(29.28, 2.44, 4.88),
  ],
  pixelate: [pixelated(0.6), pixelated(0.5), pixelated(0.4), pixelated(0.3), pixelated(0.25)],
} satisfies Record<string, Severities>;
