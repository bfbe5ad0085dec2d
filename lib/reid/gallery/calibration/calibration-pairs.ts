import { type Tensor, tensor } from '../../../tensor/index.ts';
import { FeatureDistances, forEachRow } from '../../ranking/parts.ts';
import { type RankedPairs, TopPairs } from '../top-pairs.ts';

/** Labelled images, identities and cameras as numbers from 0. */
export interface LabelledImages {
  /** (N, D) */
  readonly matrix: Tensor;
  readonly identity: Int32Array;
  /** Pairs of one camera do not count. */
  readonly camera: Int32Array | undefined;
}

/** Pairs of images that a threshold is made of. */
export interface CalibrationPairs {
  /** Impostor pairs, by the images' numbers: many more than the rate allows. */
  readonly impostors: RankedPairs;
  readonly impostorPairs: number;
  /** Similarities of pairs of one identity. */
  readonly genuine: readonly number[];
  /** Identities of all images that take part. */
  readonly identities: number;
  /** The sum over all impostor pairs of the product of their images' weights. */
  totalOf(weights: Float64Array): number;
}

/** How many times the pairs that the rate allows are kept: draws weigh identities from nothing to several times. */
const DEPTH = 20;
const MOST_KEPT = 1 << 22;

const roomFor = (pairs: number, rate: number): number =>
  Math.min(
    Math.max(MOST_KEPT, Math.ceil(3 * rate * pairs)),
    Math.ceil(pairs * Math.min(1, DEPTH * rate)) + 1000,
  );

/** All pairs, but those of one camera where there are cameras. */
export function allPairs(images: LabelledImages, rate: number): CalibrationPairs {
  const { matrix, identity, camera } = images;
  const count = identity.length;
  const collector = new Collector(identity, roomFor((count * (count - 1)) / 2, rate));
  forEachRow(new FeatureDistances(matrix, matrix, 'cosine'), (row, distances) => {
    for (let other = row + 1; other < count; other++) {
      if (camera !== undefined && camera[other] === camera[row]) continue;
      collector.add(1 - (distances[other] as number), row, other);
    }
  });
  return collector.pairs(new Set(identity).size, (weights) => totalOfAll(images, weights));
}

/** Pairs of an image of one camera and an image of another. */
export function pairsBetween(
  images: LabelledImages,
  one: number,
  other: number,
  rate: number,
): CalibrationPairs {
  const { matrix, identity, camera = new Int32Array() } = images;
  const [left, right] = [one, other].map((wanted) => rowsOf(camera, wanted)) as [number[], number[]];
  const collector = new Collector(identity, roomFor(left.length * right.length, rate));
  const [a, b] = [left, right].map((rows) => matrix.indexSelect(0, tensor(rows, { dtype: 'int64' }))) as [
    Tensor,
    Tensor,
  ];
  forEachRow(new FeatureDistances(a, b, 'cosine'), (row, distances) => {
    for (let at = 0; at < right.length; at++)
      collector.add(1 - (distances[at] as number), left[row] as number, right[at] as number);
  });
  const identities = new Set([...left, ...right].map((row) => identity[row])).size;
  return collector.pairs(identities, (weights) => totalBetween(identity, left, right, weights));
}

function rowsOf(camera: Int32Array, wanted: number): number[] {
  return [...camera.keys()].filter((row) => camera[row] === wanted);
}

class Collector {
  readonly #identity: Int32Array;
  readonly #top: TopPairs;
  readonly #genuine: number[] = [];
  #impostors = 0;

  constructor(identity: Int32Array, room: number) {
    this.#identity = identity;
    this.#top = new TopPairs(room);
  }

  add(similarity: number, first: number, second: number): void {
    if (this.#identity[first] === this.#identity[second]) {
      this.#genuine.push(similarity);
      return;
    }
    this.#impostors++;
    this.#top.add(similarity, first, second);
  }

  pairs(identities: number, totalOf: CalibrationPairs['totalOf']): CalibrationPairs {
    const [impostorPairs, genuine] = [this.#impostors, this.#genuine];
    return { impostors: this.#top.ranked(), impostorPairs, genuine, identities, totalOf };
  }
}

/** Half of what all products give, less those of one identity or of one camera. */
function totalOfAll({ identity, camera }: LabelledImages, weights: Float64Array): number {
  const all = weights.reduce((a, b) => a + b, 0);
  const squares = (labels: ArrayLike<number>) => sumOfSquares(labels, weights);
  const sameIdentity = squares(identity);
  if (camera === undefined) return (all * all - sameIdentity) / 2;
  const cameras = camera.reduce((most, value) => Math.max(most, value), 0) + 1;
  const both = Float64Array.from(identity, (id, row) => id * cameras + (camera[row] as number));
  return (all * all - sameIdentity - squares(camera) + squares(both)) / 2;
}

/** Sums of weights by label, squared and added. */
function sumOfSquares(labels: ArrayLike<number>, weights: Float64Array): number {
  const sums = new Map<number, number>();
  for (let row = 0; row < weights.length; row++) {
    const label = labels[row] as number;
    sums.set(label, (sums.get(label) ?? 0) + (weights[row] as number));
  }
  let total = 0;
  for (const sum of sums.values()) total += sum * sum;
  return total;
}

function totalBetween(
  identity: Int32Array,
  left: readonly number[],
  right: readonly number[],
  weights: Float64Array,
): number {
  const byIdentity = (rows: readonly number[]) => {
    const sums = new Map<number, number>();
    for (const row of rows) {
      const id = identity[row] as number;
      sums.set(id, (sums.get(id) ?? 0) + (weights[row] as number));
    }
    return sums;
  };
  const sum = (rows: readonly number[]) => rows.reduce((total, row) => total + (weights[row] as number), 0);
  const [a, b] = [byIdentity(left), byIdentity(right)];
  const same = [...a].reduce((total, [id, value]) => total + value * (b.get(id) ?? 0), 0);
  return sum(left) * sum(right) - same;
}
