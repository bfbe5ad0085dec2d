import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type DistanceRows, forEachRow } from './distance-rows.ts';
import { type RankingInputs, withDistances } from './evaluate-ranking.ts';
import { GallerySplitter } from './match-ranks.ts';

/** Options of {@link roc}. */
export interface RocOptions extends RankingInputs {
  /** False-positive rates to read the curve at, each from 0 to 1. Default [1e-4, 1e-3, 1e-2], as fast-reid's. */
  rates?: readonly number[];
}

/** The curve at a rate. */
export interface RocPoint {
  /** The rate asked for. */
  readonly rate: number;
  /** Share of genuine pairs accepted, with the largest threshold whose false-positive rate is at most `rate`. */
  readonly tpr: number;
  /** Share of impostor pairs accepted with it. */
  readonly fpr: number;
  /** The largest distance accepted; null where every threshold accepts too many impostors. */
  readonly threshold: number | null;
  /**
   * What fast-reid prints as TPR@FPR. Its labels are the other way round: the share of impostor pairs rejected where a share
   * of `rate` of the genuine pairs is rejected.
   */
  readonly fastReid: number;
}

/** What {@link roc} gives. */
export interface RocResult {
  readonly points: RocPoint[];
  /** Chance that a genuine pair is nearer than an impostor pair; equal distances count half. */
  readonly auc: number;
  readonly genuinePairs: number;
  readonly impostorPairs: number;
}

/**
 * How well distances tell genuine pairs (a query and a gallery image of its identity) from impostor pairs. Pairs of one
 * identity and camera are left out, as in {@link evaluateRanking}. Exact, in two passes over the distances: memory is that of
 * the genuine pairs.
 *
 * @throws RangeError where there are no genuine or no impostor pairs
 * @example
 * const { points } = reid.roc({ queryFeatures, galleryFeatures, queryIds, galleryIds, queryCameras, galleryCameras });
 * points[0]; // { rate: 0.0001, tpr: 0.42, fpr: 0.0001, threshold: 0.31, fastReid: 0.97 }
 */
export function roc(options: RocOptions): RocResult {
  checkPositions('roc', arguments, 1);
  const { rates = [1e-4, 1e-3, 1e-2], ...inputs } = options;
  checkOptions('roc', inputs, KNOWN);
  checkRates(rates);
  return withDistances('roc', inputs, (source, labels) => {
    const curve = curveOf(source, new GallerySplitter(labels));
    const { genuinePairs, impostorPairs } = curve;
    if (genuinePairs === 0 || impostorPairs === 0) throw noPairs(curve);
    return {
      points: rates.map((rate) => pointAt(curve, rate)),
      auc: areaOf(curve),
      genuinePairs,
      impostorPairs,
    };
  });
}

const KNOWN = [
  'queryFeatures',
  'galleryFeatures',
  'distances',
  'metric',
  'rerank',
  'queryIds',
  'galleryIds',
  'queryCameras',
  'galleryCameras',
];

/** Counts of pairs by the distances that genuine pairs have, ascending. */
interface Curve {
  readonly distances: Float32Array;
  readonly genuine: Float64Array;
  /** Impostors at the same distance. */
  readonly equal: Float64Array;
  /** Impostors between the distance before and this one; one more element for those beyond the last. */
  readonly between: Float64Array;
  readonly genuinePairs: number;
  readonly impostorPairs: number;
}

function curveOf(source: DistanceRows, splitter: GallerySplitter): Curve {
  const all = genuineDistances(source, splitter);
  const distances = all.filter((distance, at) => at === 0 || distance !== all[at - 1]);
  const genuine = new Float64Array(distances.length);
  for (const distance of all) (genuine[firstAtLeast(distances, distance)] as number)++;
  const [equal, between] = [new Float64Array(distances.length), new Float64Array(distances.length + 1)];
  forEachRow(source, (query, row) => {
    const { matches, junk } = splitter.of(query);
    const own = new Set([...matches, ...junk]);
    for (let image = 0; image < row.length; image++) {
      if (own.has(image)) continue;
      const at = firstAtLeast(distances, row[image] as number);
      const counts = distances[at] === row[image] ? equal : between;
      (counts[at] as number)++;
    }
  });
  const impostorPairs = equal.reduce(add, 0) + between.reduce(add, 0);
  return { distances, genuine, equal, between, genuinePairs: all.length, impostorPairs };
}

const add = (a: number, b: number): number => a + b;

function genuineDistances(source: DistanceRows, splitter: GallerySplitter): Float32Array {
  const found: number[] = [];
  forEachRow(source, (query, row) => {
    for (const image of splitter.of(query).matches) found.push(row[image] as number);
  });
  return Float32Array.from(found).sort();
}

function firstAtLeast(sorted: Float32Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function pointAt(curve: Curve, rate: number): RocPoint {
  let [genuine, impostors] = [0, 0];
  let best = { tpr: 0, fpr: 0, threshold: null as number | null };
  for (let at = 0; at < curve.distances.length; at++) {
    genuine += curve.genuine[at] as number;
    impostors += (curve.between[at] as number) + (curve.equal[at] as number);
    const fpr = impostors / curve.impostorPairs;
    if (fpr > rate) break;
    best = { tpr: genuine / curve.genuinePairs, fpr, threshold: curve.distances[at] as number };
  }
  return { rate, ...best, fastReid: fastReidAt(curve, rate) };
}

/**
 * scikit-learn's `roc_curve` with impostors as positives, from the largest distance down, read at the nearest rate of rejected
 * genuine pairs. Of points with one rate it is the first that counts; `roc_curve` drops those that lie on a line.
 */
function fastReidAt(curve: Curve, rate: number): number {
  const groups = groupsFromFar(curve);
  let best = { off: rate, impostors: 0 };
  let [genuine, impostors] = [0, 0];
  // Before the first point with a genuine pair, the curve climbs at rate 0 from nothing.
  for (const [index, group] of groups.entries()) {
    genuine += group.genuine;
    impostors += group.impostors;
    const next = groups[index + 1];
    const isOnLine =
      index > 0 && next !== undefined && next.genuine === group.genuine && next.impostors === group.impostors;
    const off = Math.abs(genuine / curve.genuinePairs - rate);
    if (group.genuine > 0 && !isOnLine && off < best.off) best = { off, impostors };
  }
  return best.impostors / curve.impostorPairs;
}

/** Pairs of one distance, or impostors alone between two of them, from far to near. */
function groupsFromFar({ distances, genuine, equal, between }: Curve) {
  const groups: { genuine: number; impostors: number }[] = [];
  for (let at = distances.length; at >= 0; at--) {
    if (at < distances.length) {
      groups.push({ genuine: genuine[at] as number, impostors: equal[at] as number });
    }
    if ((between[at] as number) > 0) groups.push({ genuine: 0, impostors: between[at] as number });
  }
  return groups;
}

function areaOf({ genuine, equal, between, genuinePairs, impostorPairs }: Curve): number {
  let [farther, area] = [impostorPairs, 0];
  for (let at = 0; at < genuine.length; at++) {
    farther -= (between[at] as number) + (equal[at] as number);
    area += (genuine[at] as number) * (farther + (equal[at] as number) / 2);
  }
  return area / genuinePairs / impostorPairs;
}

function checkRates(rates: unknown): void {
  const isRate = (rate: unknown) => typeof rate === 'number' && rate >= 0 && rate <= 1;
  if (Array.isArray(rates) && rates.length > 0 && rates.every(isRate)) return;
  const got = Array.isArray(rates) ? `[${rates}]` : describeValue(rates);
  throw new RangeError(`Expected an array of numbers from 0 to 1 for roc rates, got ${got}`);
}

function noPairs({ genuinePairs, impostorPairs }: Curve): RangeError {
  return new RangeError(
    `Expected genuine and impostor pairs for roc, got ${genuinePairs} and ${impostorPairs}; check ids and cameras`,
  );
}
