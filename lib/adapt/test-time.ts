import { withFusedNorms } from '../nn/fused-norms.ts';
import type { Module } from '../nn/index.ts';
import { checkNumber, checkOptions, checkPositions } from '../options.ts';
import { isTensor, noGrad, scope, type Tensor } from '../tensor/index.ts';
import { type BatchNorm, batchNormsOf, modesOf, NormStatistics } from './batch-norms.ts';
import { inputsOf } from './batches.ts';

/** Options of {@link forwardAtTestTime}. */
export interface TestTimeOptions {
  /** How many images the source's statistics count as, N; the batch's n images count n / (N + n). Default 16. */
  prior?: number;
}

/**
 * The outputs of a network whose batch norms go by the batch itself, mixed with the source's statistics by weight (Schneider
 * et al., 2020): what a layer gets has been normalised so in the layers before. Instance normalisation goes by each image
 * as ever. Nothing is learnt and nothing is kept: the network is as before afterwards. Without gradients.
 *
 * @param x (N, ...); of several values for each channel
 * @example
 * const logits = adapt.forwardAtTestTime(network, images, { prior: 16 });
 */
export function forwardAtTestTime<M extends Module & { forward(x: Tensor): unknown }>(
  model: M,
  x: Tensor,
  options: TestTimeOptions = {},
): ReturnType<M['forward']> {
  checkPositions('forwardAtTestTime', arguments, 3);
  checkOptions('forwardAtTestTime', options, ['prior']);
  const prior = checkNumber('forwardAtTestTime', 'prior', options.prior ?? 16, 0);
  const norms = [...batchNormsOf('forwardAtTestTime', model).values()];
  const inputs = inputsOf('forwardAtTestTime', x);
  const share = (inputs.shape[0] as number) / (prior + (inputs.shape[0] as number));
  const [source, restoreModes] = [new NormStatistics(norms), modesOf(model)];
  model.eval();
  const hooks = norms.map((norm) =>
    norm.registerForwardPreHook((_, [given]) => {
      if (!isTensor(given)) return;
      checkMap(given, norm);
      source.mixIn(norm, given, share);
    }),
  );
  try {
    // A fused norm calls no hooks of the layers that it is for.
    return withFusedNorms('never', () =>
      noGrad(() => scope(() => model.forward(inputs) as ReturnType<M['forward']>)),
    );
  } finally {
    for (const hook of hooks) hook.remove();
    source.restore();
    restoreModes();
  }
}

function checkMap(map: Tensor, { numFeatures }: BatchNorm): void {
  if (map.numel() >= 2 * numFeatures) return;
  throw new RangeError(
    `Expected more than one value for each channel for forwardAtTestTime, got a map of [${map.shape.join(', ')}]`,
  );
}
