import { checkOptionsObject } from '../options.ts';
import { isTensor, ops, type Tensor, tensor } from '../tensor/index.ts';
import { checkParameterKind } from './distribution.ts';

/** Probabilities, or their logits: one of the two. */
export type ProbsOrLogits =
  | { probs: Tensor | number; logits?: undefined }
  | { probs?: undefined; logits: Tensor | number };

/** Reads `new Bernoulli(0.3)` as `{ probs: 0.3 }`; the tensor that was given, and whether it has logits. */
export function readParameter(
  name: string,
  given: Tensor | number | ProbsOrLogits,
): { value: Tensor; isLogits: boolean } {
  const isBare = typeof given === 'number' || isTensor(given);
  const named: ProbsOrLogits = isBare ? { probs: given } : given;
  checkOptionsObject(name, named ?? null);
  const unknown = Object.keys(named).find((key) => key !== 'probs' && key !== 'logits');
  if (unknown !== undefined) throw new TypeError(`Expected probs or logits for ${name}, got "${unknown}"`);
  const isLogits = named.logits !== undefined;
  if (isLogits === (named.probs !== undefined))
    throw new TypeError(`Expected one of probs and logits for ${name}, got ${isLogits ? 'both' : 'neither'}`);
  const value = (isLogits ? named.logits : named.probs) as Tensor | number;
  checkParameterKind(name, isLogits ? 'logits' : 'probs', value);
  return { value: typeof value === 'number' ? tensor(value) : value, isLogits };
}

const EPSILON: Record<string, number> = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/** Probabilities kept off 0 and 1 by the precision of their dtype. */
export function clampProbs(probs: Tensor): Tensor {
  const eps = EPSILON[probs.dtype] ?? 0;
  return ops.aten.clamp(probs, eps, 1 - eps);
}
