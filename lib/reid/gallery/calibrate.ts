import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { Generator, rand, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { checkCount } from '../models/checks.ts';
import {
  encodeLabels,
  FeatureDistances,
  type Features,
  featureMatrix,
  forEachRow,
  type Labels,
  normalised,
} from '../ranking/parts.ts';

/** Options of {@link calibrateThreshold}. */
export interface CalibrationOptions {
  /** The promised rate: share of pairs of different identities that are taken for one. Default 0.001. */
  falseMatchRate?: number;
  /** Chance that the rate is kept on new identities. Default 0.95. */
  confidence?: number;
  /** Draws of identities. Default 400. */
  draws?: number;
  /** Default 0. */
  seed?: number;
}

/** Names of {@link CalibrationOptions}. */
export const RATES = ['falseMatchRate', 'confidence', 'draws', 'seed'];

/** Labelled images to calibrate on: none of the identities should be in the training set. */
export interface CalibrationData {
  features: Features;
  ids: Labels;
  /** Pairs of one camera are left out where there are cameras, as in evaluations. */
  cameras?: Labels;
}

/** A threshold and what is known of it. */
export interface Calibration {
  /** The least cosine of a match. */
  readonly threshold: number;
  readonly falseMatchRate: number;
  readonly confidence: number;
  /** Share of pairs of one identity that reach the threshold. */
  readonly trueMatchRate: number;
  readonly impostorPairs: number;
  readonly genuinePairs: number;
  readonly identities: number;
  /** Mean of the features, each of length 1: queries are compared with it to see drift. */
  readonly centre: Float32Array;
  /** Mean cosine of each image to all of other identities, ascending. */
  readonly reference: Float64Array;
}

/**
 * A threshold on the cosine for a promised false-match rate. Pairs share images and identities, so they do not count as
 * independent: identities are drawn anew with random weights (Rubin's bootstrap), each draw gives the threshold that keeps the
 * rate, and the answer is the `confidence` quantile of these.
 *
 * @throws RangeError where the pairs are too few to say: fewer than 10 expected beyond the threshold, or fewer than 20 identities
 */
export function calibrateThreshold(data: CalibrationData, options: CalibrationOptions = {}): Calibration {
  checkPositions('calibrateThreshold', arguments, 2);
  checkOptions('calibrate', options, RATES);
  const { falseMatchRate = 1e-3, confidence = 0.95, draws = 400, seed = 0 } = options;
  checkShare('falseMatchRate', falseMatchRate);
  checkShare('confidence', confidence);
  checkCount('calibrate', 'draws', draws);
  checkCount('calibrate', 'seed', seed, 0);
  const { matrix, identity, camera } = checkData(data);
  const pairs = collectPairs(matrix, identity, camera, falseMatchRate);
  checkEnough(pairs, falseMatchRate);
  const thresholds = drawThresholds(pairs, { falseMatchRate, draws, seed });
  const threshold = thresholds[Math.min(draws - 1, Math.ceil(confidence * draws))] as number;
  const matches = pairs.genuine.filter((similarity) => similarity >= threshold).length;
  return {
    threshold,
    falseMatchRate,
    confidence,
    trueMatchRate: pairs.genuine.length === 0 ? Number.NaN : matches / pairs.genuine.length,
    impostorPairs: pairs.impostorPairs,
    genuinePairs: pairs.genuine.length,
    identities: pairs.identities,
    ...centreOf(matrix, identity),
  };
}

interface Pairs {
  /** The most similar impostor pairs, descending: many more than the rate allows. */
  readonly similarities: Float64Array;
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Impostor pairs of each two identities, which all draws weigh. */
  readonly between: Float64Array;
  readonly impostorPairs: number;
  readonly genuine: number[];
  readonly identities: number;
}

function checkData({ features, ids, cameras }: CalibrationData) {
  const matrix = featureMatrix('calibrate features', features);
  const images = matrix.size(0) as number;
  const labels = (name: string, values: Labels) => encodeLabels([name, []], [name, values], [0, images])[1];
  const identity = labels('calibrate ids', ids);
  const camera = cameras === undefined ? undefined : labels('calibrate cameras', cameras);
  return { matrix, identity, camera };
}

function collectPairs(
  matrix: Tensor,
  identity: Int32Array,
  camera: Int32Array | undefined,
  rate: number,
): Pairs {
  const images = identity.length;
  const identities = Math.max(...identity) + 1;
  const between = new Float64Array(identities * identities);
  const top = new TopPairs(Math.ceil((images * (images - 1) * Math.min(1, 20 * rate)) / 2) + 1000);
  const genuine: number[] = [];
  forEachRow(new FeatureDistances(matrix, matrix, 'cosine'), (row, distances) => {
    for (let other = row + 1; other < images; other++) {
      if (camera !== undefined && camera[other] === camera[row]) continue;
      const similarity = 1 - (distances[other] as number);
      const [first, second] = [identity[row] as number, identity[other] as number];
      if (first === second) genuine.push(similarity);
      else {
        (between[first * identities + second] as number)++;
        top.add(similarity, first, second);
      }
    }
  });
  const impostorPairs = between.reduce((a, b) => a + b, 0);
  return { ...top.sorted(), between, impostorPairs, genuine, identities };
}

/** The mean of all features, and how like each one is to the mean of those of others. */
function centreOf(matrix: Tensor, identity: Int32Array): Pick<Calibration, 'centre' | 'reference'> {
  return scope(() => {
    const unit = normalised(matrix);
    const index = tensor(identity, { device: matrix.device }).to('int64');
    const own = unit.newZeros([Math.max(...identity) + 1, unit.size(1) as number]).indexAdd(0, index, unit);
    const counts = own.newZeros([own.size(0) as number]).indexAdd(0, index, own.newOnes([identity.length]));
    const others = unit.sum(0).sub(own).indexSelect(0, index);
    const sizes = counts.indexSelect(0, index).neg().add(identity.length);
    const likeness = unit.mul(others).sum(1).div(sizes).to('float64').data() as Float64Array;
    return { centre: unit.mean(0).data() as Float32Array, reference: likeness.sort() };
  });
}

/** Keeps the most similar pairs, somewhat more than asked for. */
class TopPairs {
  readonly #room: number;
  #pairs: [similarity: number, first: number, second: number][] = [];
  #least = Number.NEGATIVE_INFINITY;

  constructor(room: number) {
    this.#room = room;
  }

  add(similarity: number, first: number, second: number): void {
    if (similarity < this.#least) return;
    this.#pairs.push([similarity, first, second]);
    if (this.#pairs.length >= 2 * this.#room) this.#cut();
  }

  #cut(): void {
    this.#pairs.sort((a, b) => b[0] - a[0]);
    this.#pairs.length = Math.min(this.#pairs.length, this.#room);
    if (this.#pairs.length === this.#room) this.#least = (this.#pairs.at(-1) as [number, number, number])[0];
  }

  sorted(): Pick<Pairs, 'similarities' | 'first' | 'second'> {
    this.#cut();
    return {
      similarities: Float64Array.from(this.#pairs, ([similarity]) => similarity),
      first: Int32Array.from(this.#pairs, ([, first]) => first),
      second: Int32Array.from(this.#pairs, ([, , second]) => second),
    };
  }
}

function drawThresholds(
  pairs: Pairs,
  { falseMatchRate, draws, seed }: { falseMatchRate: number; draws: number; seed: number },
): Float64Array {
  const { identities } = pairs;
  const generator = new Generator().manualSeed(seed);
  const found = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    const uniform = rand([identities], { generator, dtype: 'float64' }).data() as Float64Array;
    const weights = uniform.map((value) => -Math.log(1 - value)); // exponential: Rubin's weights but for their sum
    found[draw] = thresholdOf(pairs, weights, falseMatchRate);
  }
  return found.sort();
}

/** The least threshold that keeps the rate, identities weighing what is given. */
function thresholdOf(
  { similarities, first, second, between }: Pairs,
  weights: Float64Array,
  rate: number,
): number {
  const identities = weights.length;
  let total = 0;
  for (let a = 0; a < identities; a++) {
    for (let b = 0; b < identities; b++) {
      total += (between[a * identities + b] as number) * (weights[a] as number) * (weights[b] as number);
    }
  }
  let sum = 0;
  for (let pair = 0; pair < similarities.length; pair++) {
    sum += (weights[first[pair] as number] as number) * (weights[second[pair] as number] as number);
    if (sum > rate * total) return above(similarities[pair] as number);
  }
  return similarities.at(-1) as number;
}

/** Just above a similarity: pairs with it are no match. */
const above = (similarity: number): number => similarity + 2 ** -24;

function checkShare(name: string, share: unknown): void {
  if (typeof share === 'number' && share > 0 && share < 1) return;
  throw new RangeError(
    `Expected a number between 0 and 1 for calibrate ${name}, got ${describeValue(share)}`,
  );
}

function checkEnough({ impostorPairs, identities }: Pairs, rate: number): void {
  if (impostorPairs * rate >= 10 && identities >= 20) return;
  throw new RangeError(
    `Expected at least ${Math.ceil(10 / rate).toLocaleString('en')} pairs of different identities, and 20 identities, to calibrate for a false-match rate of ${rate}, got ${impostorPairs.toLocaleString('en')} of ${identities}; label more images or ask for a higher rate`,
  );
}
