import { checkNumber, checkOptions, checkPositions, describeValue } from '../options.ts';
import { ChannelMoments } from './moments.ts';

/** How far two domains are apart in a feature. */
export interface Divergence {
  /** Mean over the channels that are alive; null where none is. */
  readonly value: number | null;
  /** Of each channel; NaN where it is dead. */
  readonly channels: Float64Array;
  /** Channels that are (nearly) constant in one of the domains: no Gaussian fits them, and they are left out. */
  readonly dead: number;
}

/** Options of {@link divergence}. */
export interface DivergenceOptions {
  /** A channel whose variance is not above this in one of the domains is dead. Default 1e-12. */
  epsilon?: number;
}

/**
 * The paper's feature divergence: for each channel the symmetric Kullback-Leibler divergence of two Gaussians, KL(A||B) +
 * KL(B||A), fitted to the channel's means over the images of each domain; then the mean over channels. 0 for the same domain.
 *
 * @throws RangeError for fewer than two images, or other numbers of channels
 * @example
 * const [a, b] = [new studies.ChannelMoments(1), new studies.ChannelMoments(1)];
 * for (const value of [0, 2]) a.add([value]);
 * for (const value of [1, 3]) b.add([value]);
 * studies.divergence(a, b).value; // 1
 */
export function divergence(
  a: ChannelMoments,
  b: ChannelMoments,
  options: DivergenceOptions = {},
): Divergence {
  checkPositions('divergence', arguments, 3);
  checkOptions('divergence', options, ['epsilon']);
  const epsilon = checkNumber('divergence', 'epsilon', options.epsilon ?? 1e-12, 0);
  for (const [name, moments] of Object.entries({ a, b })) {
    if (!(moments instanceof ChannelMoments))
      throw new TypeError(`Expected ChannelMoments for divergence ${name}, got ${describeValue(moments)}`);
    if (moments.count < 2)
      throw new RangeError(`Expected at least 2 images for divergence ${name}, got ${moments.count}`);
  }
  if (a.channels !== b.channels)
    throw new RangeError(`Expected ${a.channels} channels for divergence b, as a has, got ${b.channels}`);
  const [meanA, meanB, varianceA, varianceB] = [a.mean, b.mean, a.variance, b.variance];
  const channels = meanA.map((mean, c) => {
    const [first, second] = [varianceA[c] as number, varianceB[c] as number];
    if (!(first > epsilon) || !(second > epsilon)) return Number.NaN;
    const distance = (mean - (meanB[c] as number)) ** 2;
    // The logarithms of KL(A||B) and KL(B||A) cancel.
    return (first + distance) / (2 * second) + (second + distance) / (2 * first) - 1;
  });
  const alive = channels.filter((value) => !Number.isNaN(value));
  const sum = alive.reduce((total, value) => total + value, 0);
  return {
    value: alive.length === 0 ? null : sum / alive.length,
    channels,
    dead: channels.length - alive.length,
  };
}
