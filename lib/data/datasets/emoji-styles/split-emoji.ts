import { createHash } from 'node:crypto';
import { checkIterable, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { checkEmoji, type Emoji } from './emoji.ts';

/** Options of {@link splitEmoji}. */
export interface SplitEmojiOptions {
  /** Another one divides otherwise. Default 0. */
  seed?: number;
}

/**
 * Divides emoji at random, so that things in one part are never in another: kin (man, woman and person of an
 * occupation, the clocks) stay together. The part of an emoji depends on it and the seed alone, not on the emoji beside it,
 * so shares are met in the mean.
 *
 * @param shares of the parts, which add up to 1
 * @example
 * const drawn = await datasets.EmojiStyles.load({ styles: ['fxemoji'], size: 32 });
 * const [train, val, test] = datasets.splitEmoji(drawn.emoji, [0.7, 0.1, 0.2]);
 */
export function splitEmoji(
  emoji: Iterable<Emoji>,
  shares: readonly number[],
  options: SplitEmojiOptions = {},
): Emoji[][] {
  checkPositions('splitEmoji', arguments, 3);
  checkOptions('splitEmoji', options, ['seed']);
  const all = checkEmoji('splitEmoji', emoji);
  checkShares(shares);
  const { seed = 0 } = options;
  if (!Number.isInteger(seed))
    throw new RangeError(`Expected an integer for splitEmoji seed, got ${describeValue(seed)}`);
  const parts: Emoji[][] = shares.map(() => []);
  for (const each of all) parts[partOf(drawOf(each.kin, seed), shares)]?.push(each);
  return parts;
}

/** A number from 0 to 1 that kin have in common. */
function drawOf(kin: string, seed: number): number {
  return createHash('sha256').update(`${seed}:${kin}`).digest().readUInt32LE(0) / 2 ** 32;
}

function partOf(draw: number, shares: readonly number[]): number {
  let end = 0;
  const part = shares.findIndex((share) => {
    end += share;
    return draw < end;
  });
  return part < 0 ? shares.length - 1 : part;
}

function checkShares(shares: unknown): asserts shares is readonly number[] {
  checkIterable('splitEmoji', 'an array of shares', shares);
  const list = [...shares] as number[];
  const isFine = list.every((share) => share > 0 && share <= 1);
  const total = list.reduce((sum, share) => sum + share, 0);
  if (isFine && Math.abs(total - 1) < 1e-9) return;
  throw new RangeError(`Expected shares that add up to 1 for splitEmoji, got [${list.join(', ')}]`);
}
