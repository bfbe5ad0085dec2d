import { describeValue } from '../../options.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';

export type OneOrMany = Tensor | readonly Tensor[];
/** A function of tensors that gives one or several. */
export type Differentiable = (...inputs: Tensor[]) => OneOrMany;

/** One tensor, or an array of them, as an array. */
export const asList = (value: OneOrMany): readonly Tensor[] =>
  Array.isArray(value) ? value : [value as Tensor];

export function checkTensors(what: string, value: unknown): asserts value is OneOrMany {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.find((item) => !isTensor(item));
  if (list.length > 0 && list.every(isTensor)) return;
  throw new TypeError(`Expected a Tensor or an array of them for ${what}, got ${describeValue(wrong)}`);
}

/** The inputs with a graph of their own; joined to that of the given ones where the result is to be recorded. */
export function prepare(name: string, inputs: OneOrMany, createGraph = false): Tensor[] {
  checkTensors(`${name} argument "inputs"`, inputs);
  return asList(inputs).map((input) => {
    if (createGraph && input.requiresGrad) return input.viewAs(input);
    return input.detach().requiresGrad_();
  });
}

export function run(name: string, fn: Differentiable, inputs: readonly Tensor[]): OneOrMany {
  if (typeof fn !== 'function')
    throw new TypeError(`Expected a function for ${name}, got ${describeValue(fn)}`);
  const result: unknown = fn(...inputs);
  checkTensors(`the result of the function given to ${name}`, result);
  return result;
}

/** Results as the caller wants them: with their graph or without. */
export const detachAll = (tensors: readonly Tensor[], createGraph = false): Tensor[] =>
  createGraph ? [...tensors] : tensors.map((tensor) => tensor.detach());
