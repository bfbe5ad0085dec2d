import type { Handle } from '../../binding.ts';
import { describe, isNative, unwrap, wrapTensor } from '../../ops/index.ts';
import { checkFlags, checkOptions, checkPositions } from '../../options.ts';
import { native } from '../native.ts';
import type { Tensor } from '../tensor.ts';
import { runBackward } from './anomaly.ts';
import { noGrad } from './modes.ts';

export interface GradOptions {
  /** What the outputs' gradients begin with; needed where an output has more than one element. */
  gradOutputs?: Tensor | readonly (Tensor | null)[];
  /** Keep the graph for another pass. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the pass itself. Default false. */
  createGraph?: boolean;
  /** Give null for inputs that the outputs do not depend on, instead of throwing. Default false. */
  allowUnused?: boolean;
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs`, as torch.autograd.grad; `.grad` is left alone. Either is
 * one tensor or several; the result has one gradient for each input.
 *
 * @throws TorchError for an input that the outputs do not depend on, unless `allowUnused`.
 * @example const [gradient] = grad(loss, [w]);
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor, options?: GradOptions): [Tensor];
export function grad<I extends readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly [...I],
  options?: GradOptions,
): { [K in keyof I]: Tensor };
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  checkPositions('grad', arguments, 3);
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused']);
  const { createGraph = false, retainGraph = createGraph, allowUnused = false } = options;
  checkFlags('grad', { createGraph, retainGraph, allowUnused });
  const ends = listOf(outputs, 'grad argument "outputs"');
  const starts = listOf(inputs, 'grad argument "inputs"');
  if (starts.length === 0) throw new RangeError('Expected at least one input for grad, got an empty array');
  const given = gradOutputsOf(options, ends.length);
  const first: (Handle | null)[] = ends.map((_, i) => {
    const gradient = given[i];
    return gradient ? unwrap(gradient) : null;
  });
  const grads = runBackward(() =>
    native.gradOf(ends.map(unwrap), starts.map(unwrap), first, retainGraph, createGraph, allowUnused),
  );
  return grads.map((handle) => wrapTensor(handle) as Tensor | null);
}

/** A gradient for each output, or none. */
function gradOutputsOf({ gradOutputs }: GradOptions, count: number): readonly (Tensor | null)[] {
  if (gradOutputs === undefined) return [];
  const given = listOf(gradOutputs, 'grad option gradOutputs');
  if (given.length === count) return given;
  throw new RangeError(
    `Expected a gradient for each of ${count} outputs for grad option gradOutputs, got ${given.length}`,
  );
}

/** One tensor, or a list of them, as a list. */
function listOf<T extends Tensor | null>(
  value: Tensor | readonly T[],
  name: string,
): readonly (T | Tensor)[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null && isNative(value)) return [value as Tensor];
  throw new TypeError(`Expected a Tensor or an array of them for ${name}, got ${describe(value)}`);
}

/** Drops the gradients of some parameters, or fills them with zeros where `setToNone` is false. */
export function zeroGradients(parameters: Iterable<Tensor>, setToNone = true): void {
  for (const parameter of parameters) {
    if (setToNone) {
      parameter.grad = null;
      continue;
    }
    const { grad } = parameter;
    if (grad === null) continue;
    noGrad(() => grad.detach_().zero_());
    grad.dispose();
  }
}
