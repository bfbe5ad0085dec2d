import type { Module } from '../../../nn/index.ts';
import { describeValue } from '../../../options.ts';
import { tensor } from '../../../tensor/index.ts';

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
