import type { Module } from '../../../nn/index.ts';
import { isRecording } from '../../../ops/index.ts';
import { describeValue } from '../../../options.ts';
import { noGrad, ops, scope, type Tensor, tensor } from '../../../tensor/index.ts';

/** What a network takes off pixels from 0 to 255, and what it divides them by. */
export interface PixelOptions {
  /** A number for each channel. Default ImageNet's mean times 255. */
  pixelMean?: readonly number[];
  /** A number for each channel. Default ImageNet's deviation times 255. */
  pixelStd?: readonly number[];
}

/** Names of {@link PixelOptions}. */
export const PIXEL_OPTIONS = ['pixelMean', 'pixelStd'];

const MEAN = [0.485 * 255, 0.456 * 255, 0.406 * 255];
const STD = [0.229 * 255, 0.224 * 255, 0.225 * 255];

/** Gives a network its buffers `pixel_mean` and `pixel_std`, which files leave out. */
export function addPixelBuffers(network: Module, { pixelMean = MEAN, pixelStd = STD }: PixelOptions): void {
  const owner = network.constructor.name;
  const add = (name: string, option: string, values: readonly number[]) => {
    checkChannels(`${owner} ${option}`, values);
    const numbers = tensor([...values], { dtype: 'float32' }).view([1, -1, 1, 1]);
    network.registerBuffer(name, numbers, { persistent: false });
  };
  add('pixel_mean', 'pixelMean', pixelMean);
  add('pixel_std', 'pixelStd', pixelStd);
  if (pixelStd.some((value) => value === 0)) {
    throw new RangeError(`Expected numbers other than 0 for ${owner} pixelStd, got 0`);
  }
}

function checkChannels(what: string, values: unknown): void {
  const isList = Array.isArray(values) && values.every((value) => Number.isFinite(value));
  if (isList && values.length === 3) return;
  const got = Array.isArray(values) ? `[${values.join(', ')}]` : describeValue(values);
  throw new TypeError(`Expected three numbers for ${what}, got ${got}`);
}

const seenOnDevice = new WeakSet<Module>();
let mayBeAnything = false;

/** Runs `compute` without {@link checkPixels}, to see what wrong pixels give. */
export function withAnyPixels<T>(compute: () => T): T {
  const before = mayBeAnything;
  mayBeAnything = true;
  try {
    return compute();
  } finally {
    mayBeAnything = before;
  }
}

/**
 * Refuses images that were normalised already, or divided by 255, by a network that does it. On the CPU every batch is looked
 * at; on other devices, where it means to wait for them, the first.
 */
export function checkPixels(network: Module, images: Tensor): void {
  if (mayBeAnything || isRecording() || images.numel() === 0) return;
  if (images.device !== 'cpu') {
    if (seenOnDevice.has(network)) return;
    seenOnDevice.add(network);
  }
  const [low, high] = noGrad(() =>
    scope(() => ops.aten.aminmax(images.detach()).map((value) => value.item() as number)),
  ) as [number, number];
  refuseNormalised(network.constructor.name, low, high);
}

/** Normalising twice is the commonest error with fast-reid's networks, and gives features that are all alike. */
export function refuseNormalised(owner: string, low: number, high: number): void {
  if (low >= 0 && (high > 1 || high === 0)) return;
  if (Number.isNaN(low)) return; // whatever made them is the error
  throw new RangeError(
    `Expected pixels from 0 to 255 for ${owner}, which takes mean and deviation off itself, got numbers from ` +
      `${low.toPrecision(3)} to ${high.toPrecision(3)}; give it what loaded.transform gives, or uint8 images to reid.extract`,
  );
}
