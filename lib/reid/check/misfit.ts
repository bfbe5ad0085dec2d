import type { LayerMoments } from './moments.ts';

/** Variances below it are those of channels that are always the same. */
const LEAST_VARIANCE = 1e-9;
/** A number that is further off counts as this: a dead channel must not decide. */
const MOST = 5;

/** How far each image is from a layer's statistics of training: columns are images. */
interface Deviations {
  readonly name: string;
  /** Inner products of images' deviations, (images, images), for one number of the layer. */
  readonly gram: Float64Array;
}

/**
 * How well images explain the statistics of training, layer by layer. Means and mean squares of a mixture of images are the
 * mixture of theirs. So the mixture is sought that comes nearest to the running means and variances: what remains is
 * neither one image's brightness nor its colours, but that the layer gets something else than in training.
 */
export class Misfit {
  readonly #layers: readonly Deviations[];
  readonly images: number;

  constructor(layers: readonly LayerMoments[]) {
    this.images = layers[0] === undefined ? 0 : layers[0].means.length / layers[0].channels;
    this.#layers = layers.map((layer) => deviationsOf(layer, this.images));
  }

  /** What remains of each layer with the best mixture over all: mean square, in deviations of training. */
  remainders(): Map<string, number> {
    const total = new Float64Array(this.images * this.images);
    for (const { gram } of this.#layers)
      for (let i = 0; i < gram.length; i++) (total[i] as number) += gram[i] as number;
    const mixture = nearest(total, this.images);
    return new Map(this.#layers.map(({ name, gram }) => [name, quadratic(gram, mixture)]));
  }
}

function deviationsOf(layer: LayerMoments, images: number): Deviations {
  const { name, channels, means, squares, runningMean, runningVar } = layer;
  const rows: Float64Array[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const [mean, variance] = [runningMean[channel] as number, runningVar[channel] as number];
    if (variance < LEAST_VARIANCE) continue;
    const [shift, spread] = [new Float64Array(images), new Float64Array(images)];
    for (let image = 0; image < images; image++) {
      const m = means[image * channels + channel] as number;
      const q = squares[image * channels + channel] as number;
      shift[image] = (m - mean) / Math.sqrt(variance);
      spread[image] = (q - 2 * mean * m + mean * mean) / variance - 1;
    }
    rows.push(shift, spread);
  }
  return { name, gram: gramOf(rows, images) };
}

function gramOf(rows: readonly Float64Array[], images: number): Float64Array {
  const gram = new Float64Array(images * images);
  for (const row of rows) {
    for (let a = 0; a < images; a++) {
      const left = Math.max(-MOST, Math.min(MOST, row[a] as number));
      for (let b = 0; b <= a; b++) {
        (gram[a * images + b] as number) += left * Math.max(-MOST, Math.min(MOST, row[b] as number));
      }
    }
  }
  for (let a = 0; a < images; a++) {
    for (let b = 0; b <= a; b++) {
      const value = (gram[a * images + b] as number) / Math.max(1, rows.length);
      gram[a * images + b] = value;
      gram[b * images + a] = value;
    }
  }
  return gram;
}

function quadratic(gram: Float64Array, weights: Float64Array): number {
  const images = weights.length;
  let total = 0;
  for (let a = 0; a < images; a++)
    for (let b = 0; b < images; b++)
      total += (gram[a * images + b] as number) * (weights[a] as number) * (weights[b] as number);
  return total;
}

/** The mixture (weights from 0, sum 1) with the least quadratic form: Frank and Wolfe's steps, with the best length of each. */
function nearest(gram: Float64Array, images: number): Float64Array {
  const weights = new Float64Array(images).fill(1 / images);
  const slope = new Float64Array(images);
  for (let a = 0; a < images; a++)
    for (let b = 0; b < images; b++) (slope[a] as number) += (gram[a * images + b] as number) / images;
  for (let step = 0; step < 2000; step++) {
    let [best, value] = [0, 0];
    for (let a = 0; a < images; a++) {
      value += (weights[a] as number) * (slope[a] as number);
      if ((slope[a] as number) < (slope[best] as number)) best = a;
    }
    const gap = value - (slope[best] as number);
    if (gap <= 1e-6 * Math.max(value, 1e-12)) break;
    const curvature = value - 2 * (slope[best] as number) + (gram[best * images + best] as number);
    const length = Math.min(1, gap / Math.max(curvature, 1e-30));
    for (let a = 0; a < images; a++) {
      weights[a] = (1 - length) * (weights[a] as number);
      slope[a] = (1 - length) * (slope[a] as number) + length * (gram[a * images + best] as number);
    }
    weights[best] = (weights[best] as number) + length;
  }
  return weights;
}
