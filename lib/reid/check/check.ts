import { decodeImage } from '../../data/index.ts';
import { CheckpointError } from '../../errors.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { scope, Tensor } from '../../tensor/index.ts';
import {
  LoadedReID,
  load,
  type NetworkOptions,
  type ReIDImage,
  type ReIDLayout,
  type ReIDLoadOptions,
  type ReIDModel,
} from '../models/index.ts';
import { tensorsOf } from '../models/load.ts';
import { type Features, featureMatrix } from '../ranking/parts.ts';
import type { CheckReport, Finding } from './findings.ts';
import { checkGivenFeatures } from './given-features.ts';
import { checkStatistics } from './statistics.ts';
import { type Observation, observe, type Subject } from './subject.ts';
import { suspectsOf } from './suspects.ts';
import { checkWeights } from './weights.ts';

/** Options of {@link check}. */
export interface CheckOptions {
  /** Features that another program made of the same images, (N, D), in their order. */
  features?: Features;
  /** As for `reid.load`. */
  layout?: ReIDLayout;
  /** As for `reid.load`: how the network is built. */
  options?: NetworkOptions;
  /** As for `reid.load`. */
  size?: readonly [height: number, width: number];
}

const OPTIONS = ['features', 'layout', 'options', 'size'];

/**
 * Looks for what is wrong with a checkpoint, or with features that another program made of it.
 *
 * - _The file._ Missing weights, layers as before training, NaN.
 * - _Running statistics._ What layers of batch normalisation get from the images is compared with the means and variances that
 *   training left in the file, as the network is loaded and as it might have been trained: with BGR, another preparation, another
 *   stem or last stride. 8 images or more of the kind that it was trained on.
 * - _Features._ Given features are compared with the network's own, and with what it gives under each fault: here `ceil_mode`,
 *   sizes, the side of the neck and training mode show too.
 *
 * What these images do not decide is in `unclear`: it is neither found nor excluded.
 *
 * @param file A checkpoint, or what `reid.load` gave.
 * @param images Paths, or `uint8` RGB tensors (3, H, W); (N, 3, H, W) for several.
 * @throws CheckpointError for a file of no known network; RangeError for features of another number or width.
 * @example
 * const { ok, findings } = await reid.check('market_sbs_R50.pth', ['a.jpg', 'b.jpg'], { features: fromPython });
 * for (const { message, remedy } of findings) console.log(`${message}: ${remedy}`);
 */
export async function check(
  file: string | URL | Uint8Array | LoadedReID<ReIDModel>,
  images: Tensor | Iterable<ReIDImage>,
  options: CheckOptions = {},
): Promise<CheckReport> {
  checkPositions('reid.check', arguments, 3);
  checkOptions('reid.check', options, OPTIONS);
  const { features, ...loading } = options;
  const given =
    features === undefined ? undefined : featureMatrix('reid.check features', features).to('float64');
  const { loaded, findings } = loadedFor(file, loading);
  if (loaded === undefined) return reportOf(undefined, findings, [], []);
  const pixels = await pixelsOf(images);
  checkGiven(given, pixels.length, loaded);
  try {
    return examined({ loaded, images: pixels }, given, findings);
  } finally {
    if (!(file instanceof LoadedReID)) loaded.model.dispose();
  }
}

interface Loading {
  readonly loaded: LoadedReID<ReIDModel> | undefined;
  readonly findings: Finding[];
}

/** A file that cannot be loaded whole is what is looked for. */
function loadedFor(
  file: string | URL | Uint8Array | LoadedReID<ReIDModel>,
  options: ReIDLoadOptions,
): Loading {
  if (file instanceof LoadedReID) return { loaded: file, findings: [] };
  try {
    const loaded = load(file, { ...options, strict: false });
    return { loaded, findings: unusedKeys(loaded) };
  } catch (error) {
    const isHalf =
      error instanceof CheckpointError && (error.code === 'ERR_REID_INCOMPLETE' || isPart(error, file));
    if (!isHalf) throw error;
    const finding: Finding = {
      fault: 'half-loaded',
      message: error.message,
      evidence: 'keys and shapes of the file were compared with those of the network',
      remedy:
        'take the file that training wrote; a program that loads this one leaves these weights as they were drawn',
    };
    return { loaded: undefined, findings: [finding] };
  }
}

/** Whether a file of no known network has the beginning of one. */
function isPart({ code }: CheckpointError, file: string | URL | Uint8Array): boolean {
  if (code !== 'ERR_REID_UNKNOWN_NETWORK') return false;
  return scope(() =>
    [...tensorsOf(file, {}).keys()].some((key) =>
      /(^|\.)(base|backbone)\.(layer\d\.\d+\.|conv\d\.)/.test(key),
    ),
  );
}

function unusedKeys({ unusedKeys: keys, name }: LoadedReID<ReIDModel>): Finding[] {
  if (keys.length === 0) return [];
  return [
    {
      fault: 'unused-keys',
      message: `The file has ${keys.length} weights that ${name} has no use for, such as "${keys[0]}"`,
      evidence: 'keys of the file were compared with those of the network',
      remedy: 'look whether the file is of another network; reid.load refuses it unless strict is false',
    },
  ];
}

async function pixelsOf(images: Tensor | Iterable<ReIDImage>): Promise<Tensor[]> {
  const list = images instanceof Tensor && images.dim() === 4 ? images.unbind(0) : images;
  if (list instanceof Tensor || typeof (list as Iterable<unknown>)?.[Symbol.iterator] !== 'function')
    throw new TypeError(`Expected paths or images for reid.check, got ${describeValue(images)}`);
  const pixels: Tensor[] = [];
  for (const image of list) pixels.push(image instanceof Tensor ? image : await decodeImage(image));
  for (const { dtype, shape } of pixels) {
    if (dtype === 'uint8' && shape.length === 3 && shape[0] === 3) continue;
    throw new TypeError(`Expected uint8 images (3, H, W) for reid.check, got ${dtype} [${shape}]`);
  }
  if (pixels.length < 2)
    throw new RangeError(`Expected two images or more for reid.check, got ${pixels.length}`);
  return pixels;
}

function checkGiven(given: Tensor | undefined, images: number, { model, name }: LoadedReID<ReIDModel>): void {
  if (given === undefined) return;
  const [rows, width] = given.shape;
  if (rows !== images)
    throw new RangeError(`Expected features of ${images} images for reid.check, got ${rows}`);
  if (width === model.featDim) return;
  throw new RangeError(
    `Expected features of ${model.featDim} numbers for reid.check, which ${name} gives, got ${width}; are they of this network?`,
  );
}

function examined(subject: Subject, given: Tensor | undefined, before: readonly Finding[]): CheckReport {
  const { loaded } = subject;
  const inFile = [...before, ...checkWeights(loaded.model)];
  const isBroken = inFile.some(({ fault }) => fault !== 'unused-keys');
  return scope(() => {
    const own = observe(subject);
    const suspects = suspectsOf(loaded);
    const found = [...inFile, ...alike(own)];
    const statistics = isBroken ? undefined : checkStatistics(subject, own, suspects);
    const features = given === undefined ? undefined : checkGivenFeatures(subject, own, given, suspects);
    const all = [statistics, features].filter((part) => part !== undefined);
    return reportOf(
      String(loaded),
      [...found, ...all.flatMap(({ findings }) => findings)],
      all.flatMap(({ excluded }) => excluded),
      [...all.flatMap(({ unclear }) => unclear), ...(given === undefined ? [WITHOUT_FEATURES] : [])],
    );
  });
}

const WITHOUT_FEATURES =
  'ceil_mode, sizes, the side of the neck and training mode of another program: only features that it made tell';

function alike({ features }: Observation): Finding[] {
  const [spread, size] = scope(() => [features.sub(features.mean(0)).norm().item(), features.norm().item()]);
  const isAlike = (spread as number) <= 1e-5 * (size as number); // not for NaN
  if (!isAlike) return [];
  return [
    {
      fault: 'features-alike',
      message: 'All images have one feature',
      evidence: `features differ by ${((spread as number) / Math.max(size as number, 1e-30)).toExponential(1)} of their length`,
      remedy:
        'look whether the images differ; else the weights have collapsed, and another checkpoint is needed',
    },
  ];
}

function reportOf(
  network: string | undefined,
  findings: readonly Finding[],
  excluded: readonly string[],
  unclear: readonly string[],
): CheckReport {
  return { network, ok: findings.length === 0, findings, excluded, unclear };
}
