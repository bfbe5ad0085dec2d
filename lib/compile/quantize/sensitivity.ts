import type { Quantization, QuantizedLayer } from '../quantization.ts';
import type { Loss } from './loss.ts';

const withLayers = (quantization: Quantization, layers: readonly QuantizedLayer[]): Quantization => ({
  ...quantization,
  layers,
});

const kept = (layer: QuantizedLayer, reason: string): QuantizedLayer => ({
  ...layer,
  precision: 'float32',
  reason,
});

/** The error that each layer alone makes, the largest first. */
async function ranked(quantization: Quantization, loss: Loss): Promise<{ index: number; error: number }[]> {
  const errors: { index: number; error: number }[] = [];
  for (const [index, { precision }] of quantization.layers.entries()) {
    if (precision !== 'int8') continue;
    const alone = quantization.layers.map((layer, i) => (i === index ? layer : kept(layer, '')));
    errors.push({ index, error: await loss.of(withLayers(quantization, alone)) });
  }
  return errors.sort((a, b) => b.error - a.error);
}

function without(
  quantization: Quantization,
  worst: readonly { index: number; error: number }[],
): Quantization {
  const errors = new Map(worst.map(({ index, error }) => [index, error]));
  const layers = quantization.layers.map((layer, i) => {
    const error = errors.get(i);
    return error === undefined ? layer : kept(layer, `alone it makes an error of ${error.toPrecision(2)}`);
  });
  return withLayers(quantization, layers);
}

/**
 * Keeps the layers that lose most in float32, as few as bring the error of all below `most`; their number is found by
 * halving.
 */
export async function keepSensitive(
  quantization: Quantization,
  loss: Loss,
  most: number,
): Promise<Quantization> {
  const error = await loss.of(quantization);
  if (error <= most) return { ...quantization, error };
  const worst = await ranked(quantization, loss);
  let [few, enough] = [0, worst.length];
  let best: Quantization = { ...without(quantization, worst), error: 0 };
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    const next = without(quantization, worst.slice(0, middle));
    const rest = await loss.of(next);
    if (rest <= most) [enough, best] = [middle, { ...next, error: rest }];
    else few = middle;
  }
  return best;
}
