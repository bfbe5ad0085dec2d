import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { Generator, isTensor, rand, scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { checkCount } from '../../models/checks.ts';
import { encodeLabels, type Features, featureMatrix, type Labels, normalised } from '../../ranking/parts.ts';
import { allPairs, type CalibrationPairs, type LabelledImages, pairsBetween } from './calibration-pairs.ts';

/** Options of {@link calibrateThreshold}. */
export interface CalibrationOptions {
  /** The promised rate: share of pairs of different identities that are taken for one. Default 0.001. */
  falseMatchRate?: number;
  /** Chance that the rate is kept on new identities, and on new cameras where there are cameras. Default 0.95. */
  confidence?: number;
  /** A threshold for each two cameras too, where their pairs are enough. Default false. */
  cameraPairs?: boolean;
  /** Draws of identities. Default 400. */
  draws?: number;
  /** Default 0. */
  seed?: number;
}

/** Names of {@link CalibrationOptions}. */
export const RATES = ['falseMatchRate', 'confidence', 'cameraPairs', 'draws', 'seed'];

/** Labelled images to calibrate on: none of the identities should be in the training set. */
export interface CalibrationData {
  features: Features;
  ids: Labels;
  /** Pairs of one camera are left out where there are cameras, as in evaluations. */
  cameras?: Labels;
}

/** What a threshold was made of. */
export interface ThresholdFigures {
  /** The least cosine of a match. */
  readonly threshold: number;
  /** Share of pairs of one identity that reach the threshold; NaN where there are none. */
  readonly trueMatchRate: number;
  readonly impostorPairs: number;
  readonly genuinePairs: number;
  readonly identities: number;
}

/** The threshold of two cameras. */
export interface CameraPairThreshold extends ThresholdFigures {
  readonly cameras: readonly [string, string];
}

/** A threshold and what is known of it. */
export interface Calibration extends ThresholdFigures {
  readonly falseMatchRate: number;
  readonly confidence: number;
  /** With `cameraPairs`: those with enough pairs. `threshold` is for all others. */
  readonly cameraPairs: readonly CameraPairThreshold[];
  /** Mean of the features, each of length 1: queries are compared with it to see drift. */
  readonly centre: Float32Array;
  /** Mean cosine of each image to all of other identities, ascending. */
  readonly reference: Float64Array;
}

/**
 * A threshold on the cosine for a promised false-match rate. Pairs share images, identities and cameras, so they do not count as
 * independent: identities are drawn anew with random weights (Rubin's bootstrap), and cameras too where there are some; each draw gives
 * the threshold that keeps the rate, and the answer is the `confidence` quantile of these. The threshold of two cameras
 * is for these two: identities alone are drawn.
 *
 * @throws RangeError where the pairs are too few to say: fewer than 10 expected beyond the threshold, or fewer than 20 identities
 */
export function calibrateThreshold(data: CalibrationData, options: CalibrationOptions = {}): Calibration {
  checkPositions('calibrateThreshold', arguments, 2);
  checkOptions('calibrate', options, RATES);
  const { falseMatchRate = 1e-3, confidence = 0.95, draws = 400, seed = 0, cameraPairs = false } = options;
  checkShare('falseMatchRate', falseMatchRate);
  checkShare('confidence', confidence);
  checkFlag('calibrate cameraPairs', cameraPairs);
  const settings = {
    ...{ falseMatchRate, confidence },
    draws: checkCount('calibrate', 'draws', draws),
    seed: checkCount('calibrate', 'seed', seed, 0),
  };
  const { images, cameraNames } = checkData(data, cameraPairs);
  const pairs = allPairs(images, falseMatchRate);
  checkEnough(pairs, falseMatchRate);
  return {
    ...figuresOf(pairs, images, settings, images.camera !== undefined),
    ...{ falseMatchRate, confidence },
    cameraPairs: cameraPairs ? thresholdsByCameras(images, cameraNames, settings) : [],
    ...centreOf(images.matrix, images.identity),
  };
}

interface Settings {
  readonly falseMatchRate: number;
  readonly confidence: number;
  readonly draws: number;
  readonly seed: number;
}

function checkData({ features, ids, cameras }: CalibrationData, needsCameras: boolean) {
  const matrix = featureMatrix('calibrate features', features);
  const count = matrix.size(0) as number;
  const labels = (name: string, values: Labels) => encodeLabels([name, []], [name, values], [0, count])[1];
  if (needsCameras && cameras === undefined)
    throw new TypeError(
      'Expected cameras for calibrate with cameraPairs, got none; give the camera of each image',
    );
  const identity = labels('calibrate ids', ids);
  const camera = cameras === undefined ? undefined : labels('calibrate cameras', cameras);
  const images: LabelledImages = { matrix, identity, camera };
  return { images, cameraNames: namesOf(camera, cameras) };
}

/** The text of each camera's label, by its number. */
function namesOf(camera: Int32Array | undefined, labels: Labels | undefined): string[] {
  const names: string[] = [];
  if (camera === undefined || labels === undefined) return names;
  const values = (isTensor(labels) ? labels.data() : labels) as ArrayLike<unknown>;
  for (const [row, code] of camera.entries()) names[code] ??= String(values[row]);
  return names;
}

function thresholdsByCameras(
  images: LabelledImages,
  names: readonly string[],
  settings: Settings,
): CameraPairThreshold[] {
  const found: CameraPairThreshold[] = [];
  for (let one = 0; one < names.length; one++) {
    for (let other = one + 1; other < names.length; other++) {
      const pairs = scope(() => pairsBetween(images, one, other, settings.falseMatchRate));
      if (!isEnough(pairs, settings.falseMatchRate)) continue;
      const cameras = [names[one] as string, names[other] as string] as const;
      found.push({ cameras, ...figuresOf(pairs, images, settings, false) });
    }
  }
  return found;
}

function figuresOf(
  pairs: CalibrationPairs,
  images: LabelledImages,
  settings: Settings,
  drawsCameras: boolean,
): ThresholdFigures {
  const { confidence, draws } = settings;
  const thresholds = drawThresholds(pairs, images, settings, drawsCameras);
  const threshold = thresholds[Math.min(draws - 1, Math.ceil(confidence * draws))] as number;
  const { genuine, impostorPairs, identities } = pairs;
  const matches = genuine.filter((similarity) => similarity >= threshold).length;
  const trueMatchRate = genuine.length === 0 ? Number.NaN : matches / genuine.length;
  return { threshold, trueMatchRate, impostorPairs, genuinePairs: genuine.length, identities };
}

function drawThresholds(
  pairs: CalibrationPairs,
  { identity, camera }: LabelledImages,
  { falseMatchRate, draws, seed }: Settings,
  drawsCameras: boolean,
): Float64Array {
  const generator = new Generator().manualSeed(seed);
  const found = new Float64Array(draws);
  const cameras = drawsCameras ? camera : undefined;
  for (let draw = 0; draw < draws; draw++) {
    const ofIdentity = exponentials(Math.max(...identity) + 1, generator);
    const ofCamera = cameras && exponentials(Math.max(...cameras) + 1, generator);
    const weights = Float64Array.from(identity, (id, row) => {
      const own = ofIdentity[id] as number;
      return ofCamera === undefined ? own : own * (ofCamera[cameras?.[row] as number] as number);
    });
    found[draw] = thresholdOf(pairs, weights, falseMatchRate);
  }
  return found.sort();
}

/** Rubin's weights but for their sum. */
function exponentials(count: number, generator: Generator): Float64Array {
  return scope(() => {
    const uniform = rand([count], { generator, dtype: 'float64' }).data() as Float64Array;
    return uniform.map((value) => -Math.log(1 - value));
  });
}

/** The least threshold that keeps the rate, images weighing what is given. */
function thresholdOf({ impostors, totalOf }: CalibrationPairs, weights: Float64Array, rate: number): number {
  const { similarities, first, second } = impostors;
  const most = rate * totalOf(weights);
  let sum = 0;
  for (let pair = 0; pair < similarities.length; pair++) {
    sum += (weights[first[pair] as number] as number) * (weights[second[pair] as number] as number);
    if (sum > most) return above(similarities[pair] as number);
  }
  return similarities.at(-1) as number;
}

/** Just above a similarity: pairs with it are no match. */
const above = (similarity: number): number => similarity + 2 ** -24;

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

function checkShare(name: string, share: unknown): void {
  if (typeof share === 'number' && share > 0 && share < 1) return;
  throw new RangeError(
    `Expected a number between 0 and 1 for calibrate ${name}, got ${describeValue(share)}`,
  );
}

const isEnough = ({ impostorPairs, identities }: CalibrationPairs, rate: number): boolean =>
  impostorPairs * rate >= 10 && identities >= 20;

function checkEnough(pairs: CalibrationPairs, rate: number): void {
  if (isEnough(pairs, rate)) return;
  const { impostorPairs, identities } = pairs;
  throw new RangeError(
    `Expected at least ${Math.ceil(10 / rate).toLocaleString('en')} pairs of different identities, and 20 identities, to calibrate for a false-match rate of ${rate}, got ${impostorPairs.toLocaleString('en')} of ${identities}; label more images or ask for a higher rate`,
  );
}
