import { BatchNorm2d, InstanceNorm2d } from '../../nn/index.ts';
import { describeValue } from '../../options.ts';
import { checkRatio, IBN, IBN_c, IBN_d } from './ibn.ts';

/**
 * Where the blocks of a stage have instance normalisation (IN), as Fig. 3 and 4 of the paper draw it:
 *
 * - `'a'`: half the channels after the first convolution, in every block
 * - `'b'`: all channels after the addition, in the stage's last block; for the first stage also the stem's norm
 * - `'c'`: after the first convolution IN and BN side by side, which doubles the channels, in every block
 * - `'d'`: half the channels after the addition, in every block
 * - `'ad'`: `'a'` and `'d'` (the paper's "a&d")
 * - `'aa'`: as `'a'`, and after the second convolution too (the paper's "a x2")
 * - `null`: nowhere
 *
 * The paper does not say which blocks have `'c'`, `'d'`, `'ad'` and `'aa'`; every block of the stage is our reading,
 * as for `'a'`.
 */
export type IBNPlacement = 'a' | 'b' | 'c' | 'd' | 'ad' | 'aa' | null;

/** One placement per stage. */
export type IBNConfig = readonly [IBNPlacement, IBNPlacement, IBNPlacement, IBNPlacement];

/** A plain network. */
export const PLAIN: IBNConfig = [null, null, null, null];
/** IBN-a as published: the first three stages. */
export const A: IBNConfig = ['a', 'a', 'a', null];
/** IBN-b as published: the stem and the first two stages. */
export const B: IBNConfig = ['b', 'b', null, null];

/** @throws RangeError unless there are four placements out of `known`, or null. */
export function checkPlacements(ibnCfg: readonly unknown[], known: readonly string[] = PLACEMENTS): void {
  if (ibnCfg.length !== 4) throw new RangeError(`Expected 4 placements for ibnCfg, got ${ibnCfg.length}`);
  const names = known.map((name) => `'${name}'`).join(', ');
  for (const placement of ibnCfg) {
    if (placement === null || known.includes(placement as string)) continue;
    throw new RangeError(`Expected placements ${names} or null for ibnCfg, got "${String(placement)}"`);
  }
}

const PLACEMENTS = ['a', 'b', 'c', 'd', 'ad', 'aa'];

function checkPlacement(ibn: unknown): void {
  if (ibn === null || PLACEMENTS.includes(ibn as string)) return;
  const names = PLACEMENTS.map((name) => `'${name}'`).join(', ');
  throw new RangeError(`Expected ${names} or null for the ibn of a block, got ${describeValue(ibn)}`);
}

/** @throws TypeError unless `layers` are the numbers of blocks of four stages. */
export function checkDepths(owner: string, layers: unknown): void {
  const isDepth = (count: unknown): boolean => Number.isInteger(count) && (count as number) >= 1;
  if (Array.isArray(layers) && layers.length === 4 && layers.every(isDepth)) return;
  throw new TypeError(
    `Expected the blocks of 4 stages, such as [3, 4, 6, 3], for ${owner} layers, got ${describeValue(layers)}`,
  );
}

/** The norm after a block's first convolution. `IBN_c` doubles the channels. */
export function firstNorm(planes: number, ibn: IBNPlacement, ratio: number): IBN | IBN_c | BatchNorm2d {
  checkPlacement(ibn);
  if (ibn === 'c') return new IBN_c(planes);
  return ibn === 'a' || ibn === 'ad' || ibn === 'aa' ? new IBN(planes, ratio) : new BatchNorm2d(planes);
}

/** The norm after a block's second convolution. */
export function secondNorm(planes: number, ibn: IBNPlacement, ratio: number): IBN | BatchNorm2d {
  return ibn === 'aa' ? new IBN(planes, ratio) : new BatchNorm2d(planes);
}

/** The norm after the addition, if there is one. */
export function lastNorm(planes: number, ibn: IBNPlacement, ratio: number): InstanceNorm2d | null {
  if (ibn === 'b') return new InstanceNorm2d(planes, { affine: true });
  if (ibn !== 'd' && ibn !== 'ad') return null;
  checkRatio('IBN_d', ratio);
  return Math.trunc(planes * ratio) > 0 ? new IBN_d(planes, ratio) : null;
}

/** The placement of block `index` of `count`: `'b'` is the last one's only, and never the first's. */
export function placementOf(ibn: IBNPlacement, index: number, count: number): IBNPlacement {
  return ibn === 'b' && (index === 0 || index < count - 1) ? null : ibn;
}
