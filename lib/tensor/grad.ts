import type { Handle } from '../binding.ts';
import { unwrap, wrapTensor } from '../ops/index.ts';
import { checkOptions } from '../options.ts';
import { noGrad } from './modes.ts';
import { native } from './native.ts';
import type { Tensor } from './tensor.ts';

export interface GradOptions {
  gradOutputs?: (Tensor | null)[];
  /** Keep the graph for another pass. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the pass itself. Default false. */
  createGraph?: boolean;
  /** Give null for inputs that the outputs do not depend on, instead of throwing. Default false. */
  allowUnused?: boolean;
}

/** Gradients of the sum of `outputs` with respect to `inputs`, as torch.autograd.grad; `.grad` is left alone. */
export function grad(outputs: Tensor[], inputs: Tensor[], options: GradOptions = {}): (Tensor | null)[] {
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused']);
  const { createGraph = false, retainGraph = createGraph, allowUnused = false } = options;
  const given: (Handle | null)[] = outputs.map((_, i) => {
    const gradient = options.gradOutputs?.[i];
    return gradient ? unwrap(gradient) : null;
  });
  const grads = native.gradOf(
    outputs.map(unwrap),
    inputs.map(unwrap),
    given,
    retainGraph,
    createGraph,
    allowUnused,
  );
  return grads.map((handle) => wrapTensor(handle) as Tensor | null);
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
