import { Module } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { cat, scope, type Tensor } from '../../tensor/index.ts';
import { withPinned } from '../cpu/pinned.ts';
import { Recording } from '../cpu/recording.ts';
import type { Observer, Quantization, QuantizedLayer } from '../quantization.ts';
import { checkInteger } from '../run-options.ts';
import { Calibration } from './calibrate.ts';
import { batchesOf, type CalibrationImages, checkCalibration } from './images.ts';
import { Loss } from './loss.ts';
import { keepSensitive } from './sensitivity.ts';

/** What `quantize` takes besides the model. */
export interface QuantizeOptions {
  /**
   * Images (N, C, H, W), float32 on the CPU, prepared as `run` takes them: a tensor, or batches, each a tensor or an array that
   * begins with one, as a `DataLoader` gives. Some hundred that are like what will come.
   */
  calibration: CalibrationImages;
  /**
   * How the range of an activation is taken: `minmax`, all that was seen; `percentile`, all but the rarest; `entropy`, what
   * loses least information by Kullback and Leibler's divergence. Default `percentile`.
   */
  observer?: Observer;
  /** Percent of the values that the range has on each side, for `percentile`. Default 99.99. */
  percentile?: number;
  /** Paths of modules whose layers stay in float32, such as `layer4`: those within them too. Default none. */
  keep?: readonly string[];
  /** The precision of the first and the last layer; `float32` keeps them, whatever they lose. Default `int8`. */
  firstAndLast?: 'float32' | 'int8';
  /**
   * Largest relative error of the outputs over calibration images: more, and the layers that lose most are kept in float32 until
   * it is less. Default 0.05.
   */
  maxError?: number;
  /** Calibration images that errors are measured with, at most. Default 16. */
  errorImages?: number;
  /** Threads that compute. Default: what `getNumThreads()` says. */
  threads?: number;
}

const OPTIONS: readonly (keyof QuantizeOptions)[] = [
  'calibration',
  'observer',
  'percentile',
  'keep',
  'firstAndLast',
  'maxError',
  'errorImages',
  'threads',
];

/** Images that go through the network at once: each leaves all its maps. */
const AT_ONCE = 4;

/**
 * Finds how a network in evaluation mode is computed with integers of 8 bits on the CPU, without training: its convolutions
 * and linear layers multiply uint8 activations by int8 weights. It runs the network on calibration images and looks at what
 * each layer reads and writes. Weights have a scale for each output channel, activations one for each tensor; instance
 * normalisation takes its statistics of float32.
 *
 * The result goes to `compile`, and may be written as JSON. The network itself is not changed.
 *
 * @throws CompileError where the network cannot be traced; TypeError, RangeError on wrong options, and where images or what a
 *   layer gives are no finite numbers.
 * @example
 * const quantization = await quantize(model, { calibration: images });
 * const fast = await compile(model, { inputs: [[1, 3, 224, 224]], quantization });
 */
export async function quantize(model: Module, options: QuantizeOptions): Promise<Quantization> {
  checkPositions('quantize', arguments, 2);
  if (!(model instanceof Module)) {
    throw new TypeError(`Expected a Module for quantize, got ${model === null ? 'null' : typeof model}`);
  }
  const checked = checkedOptions(options);
  return withPinned([...model.parameters(), ...model.buffers()], () => calibrated(model, checked));
}

type Checked = Required<Omit<QuantizeOptions, 'threads'>> & Pick<QuantizeOptions, 'threads'>;

function checkedOptions(options: QuantizeOptions): Checked {
  checkOptions('quantize', options, OPTIONS);
  const { calibration, threads } = options;
  checkCalibration(calibration);
  const { observer = 'percentile', percentile = 99.99, keep = [], firstAndLast = 'int8' } = options;
  const { maxError = 0.05, errorImages = 16 } = options;
  checkOneOf('observer', observer, ['minmax', 'percentile', 'entropy']);
  checkOneOf('firstAndLast', firstAndLast, ['float32', 'int8']);
  checkBetween('percentile', percentile, 50, 100);
  checkBetween('maxError', maxError, 0, Number.POSITIVE_INFINITY);
  checkInteger('quantize', 'errorImages', errorImages, 4096);
  if (threads !== undefined) checkInteger('quantize', 'threads', threads, 1024);
  if (!Array.isArray(keep) || !keep.every((name) => typeof name === 'string')) {
    throw new TypeError(`Expected an array of paths for quantize keep, got ${JSON.stringify(keep)}`);
  }
  const own = threads === undefined ? {} : { threads };
  return { calibration, observer, percentile, keep, firstAndLast, maxError, errorImages, ...own };
}

function checkOneOf(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  const names = known.map((item) => `"${item}"`).join(' or ');
  throw new RangeError(`Expected ${names} for quantize ${name}, got ${JSON.stringify(value)}`);
}

function checkBetween(name: string, value: number, least: number, most: number): void {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected a number for quantize ${name}, got ${typeof value}`);
  }
  if (value > least && value <= most) return;
  throw new RangeError(`Expected a number above ${least} up to ${most} for quantize ${name}, got ${value}`);
}

async function calibrated(model: Module, options: Checked): Promise<Quantization> {
  const samples: Tensor[] = [];
  let recording: Recording | undefined;
  let calibration: Calibration | undefined;
  try {
    let count = 0;
    for await (const images of batchesOf(options.calibration)) {
      recording ??= new Recording(model, [images.shape]);
      calibration ??= await Calibration.start(recording, images.shape, options.threads);
      await addAll(calibration, images, count);
      takeSamples(samples, images, options.errorImages - Math.min(count, options.errorImages));
      count += images.shape[0] as number;
    }
    const { observer, percentile } = options;
    const layers = withKept((calibration as Calibration).layers(observer, percentile), options);
    calibration?.dispose();
    const inputs = (samples[0] as Tensor).shape.slice(1);
    const all: Quantization = { version: 1, observer, images: count, inputs, error: 0, layers };
    return await withinError(recording as Recording, all, samples, options);
  } finally {
    calibration?.dispose();
    recording?.dispose();
    for (const tensor of samples) tensor.dispose();
  }
}

async function addAll(calibration: Calibration, images: Tensor, before: number): Promise<void> {
  const all = images.shape[0] as number;
  for (let from = 0; from < all; from += AT_ONCE) {
    const part = images.narrow(0, from, Math.min(AT_ONCE, all - from));
    const layer = await calibration.add(part);
    part.dispose();
    if (layer === undefined) continue;
    throw new RangeError(
      `Expected finite numbers of every layer for quantize, got NaN or an infinity of ${layer} for calibration ` +
        `images ${before + from} to ${before + Math.min(from + AT_ONCE, all) - 1}`,
    );
  }
}

function takeSamples(samples: Tensor[], images: Tensor, room: number): void {
  const count = Math.min(room, images.shape[0] as number);
  if (count > 0) samples.push(scope(() => images.narrow(0, 0, count).clone()));
}

async function withinError(
  recording: Recording,
  quantization: Quantization,
  samples: readonly Tensor[],
  { maxError, threads }: Checked,
): Promise<Quantization> {
  const images = cat([...samples]);
  let loss: Loss | undefined;
  try {
    loss = await Loss.start(recording, images, threads);
    return await keepSensitive(quantization, loss, maxError);
  } finally {
    loss?.dispose();
    images.dispose();
  }
}

type Found = QuantizedLayer & { fits: boolean };

/** What stays in float32 whatever its error. */
function withKept(found: readonly Found[], { keep, firstAndLast }: Checked): QuantizedLayer[] {
  const unknown = keep.find((path) => !found.some(({ name }) => isWithin(name, path)));
  if (unknown !== undefined) {
    const names = found.map(({ name }) => name).join(', ');
    throw new RangeError(
      `Expected the path of a layer for quantize keep, got "${unknown}"; layers: ${names}`,
    );
  }
  return found.map(({ fits, ...layer }, i) => {
    const isEnd = i === 0 || i === found.length - 1;
    const reason = !fits
      ? 'no kernel of integers'
      : keep.some((path) => isWithin(layer.name, path))
        ? 'asked for'
        : isEnd && firstAndLast === 'float32'
          ? 'first or last'
          : undefined;
    return reason === undefined ? layer : { ...layer, precision: 'float32', reason };
  });
}

const isWithin = (name: string, path: string): boolean => name === path || name.startsWith(`${path}.`);
