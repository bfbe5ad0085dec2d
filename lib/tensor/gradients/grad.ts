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
  const first = firstGradients(options.gradOutputs, ends.length, 'grad option gradOutputs');
  const grads = runBackward(() =>
    native.gradOf(ends.map(unwrap), starts.map(unwrap), first, retainGraph, createGraph, allowUnused),
  );
  return grads.map((handle) => wrapTensor(handle) as Tensor | null);
}

/** Options of {@link backward}. */
export interface BackwardAllOptions extends Pick<GradOptions, 'retainGraph' | 'createGraph'> {
  /** The only leaves that get gradients. Default: all that the tensors depend on. */
  inputs?: Tensor | readonly Tensor[];
}

/**
 * Accumulates the gradients of the sum of several tensors into the leaves, in one pass, as torch.autograd.backward.
 *
 * @param gradTensors what the gradients begin with, one for each tensor; null for tensors of one element.
 * @throws TorchError when nothing requires grad, or the graph was freed by an earlier pass.
 * @example autograd.backward([lossA, lossB]);
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradTensors?: Tensor | readonly (Tensor | null)[] | null,
  options: BackwardAllOptions = {},
): void {
  checkPositions('backward', arguments, 3);
  checkOptions('backward', options, ['retainGraph', 'createGraph', 'inputs']);
  const { createGraph = false, retainGraph = createGraph } = options;
  checkFlags('backward', { createGraph, retainGraph });
  const ends = listOf(tensors, 'backward argument "tensors"');
  if (ends.length === 0)
    throw new RangeError('Expected at least one tensor for backward, got an empty array');
  const first = firstGradients(gradTensors, ends.length, 'backward argument "gradTensors"');
  const leaves = options.inputs === undefined ? [] : listOf(options.inputs, 'backward option inputs');
  if (options.inputs !== undefined && leaves.length === 0) {
    throw new RangeError('Expected at least one tensor for backward option inputs, got an empty array');
  }
  runBackward(() => native.backward(ends.map(unwrap), first, retainGraph, createGraph, leaves.map(unwrap)));
}

/** A gradient for each output, or none. */
function firstGradients(
  given: Tensor | readonly (Tensor | null)[] | null | undefined,
  count: number,
  name: string,
): (Handle | null)[] {
  const list = given === undefined || given === null ? [] : listOf(given, name);
  if (list.length !== 0 && list.length !== count) {
    throw new RangeError(`Expected a gradient for each of ${count} outputs for ${name}, got ${list.length}`);
  }
  return Array.from({ length: count }, (_, i) => {
    const gradient = list[i];
    return gradient ? unwrap(gradient) : null;
  });
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
