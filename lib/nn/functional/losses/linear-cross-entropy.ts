import { ops, type Tensor } from '../../../tensor/index.ts';
import { checkTensor, maybeTensor, optional, realWithin, whole } from '../../arguments.ts';
import type { Reduction } from '../../sizes.ts';
import { LossSignature, reductions } from './arguments.ts';
import { crossEntropy } from './classes.ts';

/** Options of LinearCrossEntropyLoss, beside its sizes. */
export interface LinearCrossEntropyLossOptions {
  /** Default `'mean'`. */
  reduction?: Reduction;
  /** A factor per class (C). */
  weight?: Tensor | null;
  /** Targets with this class are left out: -100 when null, the default. Only for targets that are classes. */
  ignoreIndex?: number | null;
  /** From 0 (default) to 1. */
  labelSmoothing?: number;
}

/** Options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions extends LinearCrossEntropyLossOptions {
  /** Added to the logits: (C) or (C, ...), as the weight. */
  linearBias?: Tensor | null;
}

/** The arguments that function and layer share: by name, as in torch. */
export const LINEAR_CROSS_ENTROPY = {
  reduction: reductions(),
  weight: maybeTensor(),
  ignoreIndex: optional(whole(Number.NEGATIVE_INFINITY)),
  labelSmoothing: realWithin(0, 1, 'a number', 0),
};

const SIGNATURE = new LossSignature<LinearCrossEntropyOptions>(
  { linearBias: maybeTensor(), ...LINEAR_CROSS_ENTROPY },
  [],
);

/**
 * Cross-entropy between the logits of a linear layer and targets.
 *
 * @param x (N, inFeatures) or (inFeatures).
 * @param linearWeight (C, inFeatures), or (C, ..., inFeatures) for logits (N, C, ...).
 * @param target Classes, int64 (N, ...), or probabilities (N, C, ...).
 * @throws RangeError for other shapes, and for an `ignoreIndex` beside probabilities.
 * @example nn.functional.linearCrossEntropy(features, randn([10, 2048]), labels).item();
 */
export function linearCrossEntropy(
  x: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const { linearBias, ignoreIndex, ...others } = SIGNATURE.read('linearCrossEntropy', [options]);
  for (const [name, given] of Object.entries({ x, linearWeight, target }))
    checkTensor('linearCrossEntropy', name, given);
  checkShapes(x, linearWeight, linearBias);
  const shape = [...x.shape.slice(0, -1), ...linearWeight.shape.slice(0, -1)];
  if (ignoreIndex !== null && `${target.shape}` === `${shape}`) {
    throw new RangeError(
      `Expected no ignoreIndex for linearCrossEntropy with probabilities as target, got ${ignoreIndex}`,
    );
  }
  const matrix = linearWeight.reshape([-1, x.shape.at(-1) as number]);
  const logits = ops.aten.linear(x, matrix, linearBias === null ? null : linearBias.reshape([-1]));
  return crossEntropy(logits.reshape(shape), target, { ...others, ignoreIndex: ignoreIndex ?? -100 });
}

function checkShapes(x: Tensor, weight: Tensor, bias: Tensor | null): void {
  const [input, rows] = [x.shape, weight.shape.slice(0, -1)];
  const isBatch = input.length === 2 || (input.length === 1 && rows.length === 1);
  if (!isBatch || rows.length === 0 || input.at(-1) !== weight.shape.at(-1)) {
    throw new RangeError(
      'Expected an input (N, inFeatures) and a weight (C, ..., inFeatures), or (inFeatures) and (C, inFeatures), ' +
        `for linearCrossEntropy, got [${input}] and [${weight.shape}]`,
    );
  }
  if (bias === null || `${bias.shape}` === `${rows}`) return;
  throw new RangeError(
    `Expected shape [${rows}] for linearCrossEntropy argument "linearBias", got [${bias.shape}]`,
  );
}
