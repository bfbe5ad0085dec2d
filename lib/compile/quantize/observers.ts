import type { ValueRange } from '../graph/quantized.ts';
import type { Observer } from '../quantization.ts';
import type { Histogram } from './histogram.ts';

/** Levels of a magnitude, where there are negative values and where there are none. */
const [SIGNED, UNSIGNED] = [128, 256];
/** Entropy alone would clip much where a picture's even background makes a peak. */
const MOST_CLIPPED = 0.001;

/** The range that an observer takes from what it saw. */
export function rangeOf(seen: Histogram, observer: Observer, percentile: number): ValueRange {
  if (seen.count === 0) return { min: 0, max: 0 };
  if (observer === 'percentile') return percentileRange(seen, percentile);
  if (observer === 'entropy') return within(seen, entropyThreshold(seen));
  return { min: seen.min, max: seen.max };
}

const within = ({ min, max }: Histogram, threshold: number): ValueRange => ({
  min: Math.max(min, -threshold),
  max: Math.min(max, threshold),
});

/** Leaves out as much on each side as lies beyond the percentile. */
function percentileRange(seen: Histogram, percentile: number): ValueRange {
  const beyond = seen.count * (1 - percentile / 100);
  const reach = seen.width * (seen.bins.length / 2);
  const min = firstBin(seen.bins, beyond) * seen.width - reach;
  const max = reach - firstBin(seen.bins.slice().reverse(), beyond) * seen.width;
  return { min: Math.max(seen.min, min), max: Math.min(seen.max, max) };
}

/** The first bin with which more than `beyond` are counted. */
function firstBin(bins: Float64Array, beyond: number): number {
  let total = 0;
  return bins.findIndex((count) => {
    total += count;
    return total > beyond;
  });
}

/** The magnitude whose clipping and rounding lose least information, by Kullback and Leibler's divergence. */
function entropyThreshold(seen: Histogram): number {
  const counts = seen.magnitudes();
  // Zeros, half of what follows a ReLU, are exact whatever the range; they would drown all else.
  counts[0] = counts[1] as number;
  const end = counts.findLastIndex((count) => count > 0) + 1;
  const levels = seen.min < 0 ? SIGNED : UNSIGNED;
  const start = counts.length - firstBin(counts.slice().reverse(), MOST_CLIPPED * sum(counts));
  let [best, least] = [end, Number.POSITIVE_INFINITY];
  for (let size = Math.max(levels, start); size <= end; size++) {
    const loss = divergence(counts, size, levels);
    if (loss < least) [best, least] = [size, loss];
  }
  return best * seen.width;
}

/** Of the counts clipped to `size` bins from the same in so many levels. */
function divergence(counts: Float64Array, size: number, levels: number): number {
  const clipped = counts.slice(0, size);
  for (let i = size; i < counts.length; i++)
    clipped[size - 1] = (clipped[size - 1] as number) + (counts[i] as number);
  const rough = inLevels(counts.subarray(0, size), levels);
  const [total, roughTotal] = [sum(clipped), sum(rough)];
  if (roughTotal === 0) return Number.POSITIVE_INFINITY;
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const p = (clipped[i] as number) / total;
    const q = (rough[i] as number) / roughTotal;
    if (p > 0) loss += p * Math.log(p / Math.max(q, 1e-12));
  }
  return loss;
}

/** Each level's count spread evenly over those of its bins that have any. */
function inLevels(counts: Float64Array, levels: number): Float64Array {
  const result = new Float64Array(counts.length);
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * counts.length) / levels);
    const to = Math.floor(((level + 1) * counts.length) / levels);
    const bins = counts.subarray(from, to);
    const share = sum(bins) / Math.max(1, bins.filter((count) => count > 0).length);
    for (let i = from; i < to; i++) if ((counts[i] as number) > 0) result[i] = share;
  }
  return result;
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
