import { checkOptionsObject } from '../options.ts';
import type { ValueRange } from './graph/quantized.ts';

/** How the range of a map is taken from what calibration saw in it. */
export type Observer = 'minmax' | 'percentile' | 'entropy';

/** What is known of a convolution or linear layer. */
export interface QuantizedLayer {
  /** Path of its module, such as `layer1.0.conv1`. */
  readonly name: string;
  readonly kind: 'conv' | 'linear';
  /** Sizes of its weight. */
  readonly weight: readonly number[];
  /** The largest magnitude in it, before norms are folded. Weights with another are others, whose ranges are not these. */
  readonly largestWeight: number;
  /** What it is computed in. Change it to `float32` to keep a layer as it is. */
  precision: 'int8' | 'float32';
  /** Why it is `float32`. */
  readonly reason?: string;
  /** What it reads, after a norm and ReLU before it. */
  readonly input: ValueRange;
  /** What it writes, after an addition and ReLU. */
  readonly output: ValueRange;
}

/** How a network is quantised: what `quantize` gives and `compile` takes. Plain data, which JSON holds. */
export interface Quantization {
  readonly version: 1;
  readonly observer: Observer;
  /** Images that it was calibrated with. */
  readonly images: number;
  /** Sizes of one image: channels, height, width. */
  readonly inputs: readonly number[];
  /** Relative error of the outputs over calibration images: the norm of the difference over that of the outputs. */
  readonly error: number;
  readonly layers: readonly QuantizedLayer[];
}

const isRange = (range: unknown): boolean => {
  const { min, max } = (range ?? {}) as Partial<ValueRange>;
  return Number.isFinite(min) && Number.isFinite(max) && (min as number) <= (max as number);
};

function isLayer(value: unknown): boolean {
  const layer = (value ?? {}) as Partial<QuantizedLayer>;
  const precisions = ['int8', 'float32'];
  return (
    typeof layer.name === 'string' &&
    Array.isArray(layer.weight) &&
    Number.isFinite(layer.largestWeight) &&
    precisions.includes(layer.precision as string) &&
    isRange(layer.input) &&
    isRange(layer.output)
  );
}

/** @throws TypeError, RangeError unless it is what `quantize` gives. */
export function checkQuantization(owner: string, quantization: Quantization): void {
  checkOptionsObject(`${owner} quantization`, quantization);
  const { version, layers } = quantization;
  if (version !== 1) {
    throw new RangeError(
      `Expected what quantize() gives, of version 1, for ${owner} quantization, got version ${version}`,
    );
  }
  if (!Array.isArray(layers)) {
    throw new TypeError(`Expected an array for ${owner} quantization.layers, got ${typeof layers}`);
  }
  const wrong = layers.findIndex((layer) => !isLayer(layer));
  if (wrong < 0) return;
  const got = JSON.stringify(layers[wrong]);
  throw new RangeError(
    `Expected a layer with name, weight, largestWeight, precision and ranges for ${owner} quantization.layers[${wrong}], got ${got}`,
  );
}
