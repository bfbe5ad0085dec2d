import { checkOptions, checkPositions } from '../../options.ts';
import type { Generator } from '../../tensor/index.ts';
import { checkDataset, type Dataset } from '../datasets/dataset.ts';
import { checkSized, generatorOr, permutation } from '../samplers/sampler.ts';
import { Subset } from './subset.ts';

/** Options of {@link randomSplit}. */
export interface RandomSplitOptions {
  /** Default the default generator. */
  generator?: Generator | null;
}

/**
 * Divides a data set at random: the parts of torch's `random_split` (2.13) under the same seed.
 *
 * @param lengths samples in each part, or fractions that add up to 1: each part gets the whole number below its share,
 *   and what remains goes to the parts in turn
 * @throws RangeError where the lengths are not those of the data set
 * @example
 * const [train, val] = randomSplit(folder, [0.9, 0.1], { generator: new Generator().manualSeed(0) });
 */
export function randomSplit<Sample>(
  dataset: Dataset<Sample>,
  lengths: readonly number[],
  options: RandomSplitOptions = {},
): Subset<Sample>[] {
  checkPositions('randomSplit', arguments, 3);
  checkOptions('randomSplit', options, ['generator']);
  checkDataset(dataset, 'randomSplit');
  checkSized(lengths, 'randomSplit lengths');
  const counts = isFractions(lengths) ? shares(dataset.length, lengths) : whole(dataset.length, lengths);
  const order = permutation(dataset.length, generatorOr(options.generator, 'randomSplit generator'));
  let end = 0;
  return counts.map((count) => {
    end += count;
    return new Subset(dataset, order.slice(end - count, end));
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function isFractions(lengths: readonly number[]): boolean {
  return Math.abs(sum(lengths) - 1) <= 1e-9;
}

function shares(total: number, fractions: readonly number[]): number[] {
  const bad = fractions.findIndex((fraction) => !(fraction >= 0 && fraction <= 1));
  if (bad >= 0) {
    throw new RangeError(`Expected 0 to 1 for randomSplit lengths [${bad}], got ${fractions[bad]}`);
  }
  const counts = fractions.map((fraction) => Math.floor(total * fraction));
  const rest = total - sum(counts);
  for (let i = 0; i < rest; i++) counts[i % counts.length] = (counts[i % counts.length] as number) + 1;
  counts.forEach((count, i) => {
    if (count === 0) warnOfEmpty(i, total);
  });
  return counts;
}

function warnOfEmpty(part: number, total: number): void {
  process.emitWarning(`randomSplit left part ${part} of ${total} samples empty; give it a larger fraction`, {
    code: 'IBN_DATA_EMPTY_SPLIT',
  });
}

function whole(total: number, lengths: readonly number[]): readonly number[] {
  const fits = lengths.every((length) => Number.isInteger(length) && length >= 0) && sum(lengths) === total;
  if (fits) return lengths;
  throw new RangeError(
    `Expected lengths of ${total} samples together, or fractions of 1 together, for randomSplit, got [${lengths.join(', ')}]`,
  );
}
