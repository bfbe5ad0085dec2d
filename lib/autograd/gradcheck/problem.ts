import { type Element, isComplex, isFloatingPoint, isTensor, type Tensor } from '../../tensor/index.ts';

/** A function to check; results that are no tensors are left out. */
// biome-ignore lint/suspicious/noExplicitAny: inputs are anything
export type Checked = (...inputs: any[]) => unknown;

/** What is compared at once: a function of real numbers, but for complex inputs that backward takes. */
export interface Problem {
  fn: Checked;
  inputs: readonly unknown[];
  /** Begins the message where a complex function is taken apart. */
  part: '' | 'real' | 'imaginary';
  /** Places of the complex outputs, or inputs in forward mode. */
  complexPlaces: readonly number[];
}

export const requiresGrad = (value: unknown): value is Tensor => isTensor(value) && value.requiresGrad;

export const asTuple = (result: unknown): readonly unknown[] => (Array.isArray(result) ? result : [result]);

/** The results of a function that have a derivative. */
export const differentiable = (result: unknown): Tensor[] => asTuple(result).filter(requiresGrad);

export const isContinuous = (value: unknown): value is Tensor =>
  isTensor(value) && (isFloatingPoint(value.dtype) || isComplex(value.dtype));

export const isComplexTensor = (value: unknown): value is Tensor => isTensor(value) && isComplex(value.dtype);

/** Which of the results have a derivative: finite differences are taken without recording. */
export const placesOf = (result: unknown): number[] =>
  asTuple(result).flatMap((value, i) => (requiresGrad(value) ? [i] : []));

/** The results in some places, computed again. */
export function computeOf({ fn, inputs }: Problem, places: readonly number[]): () => Tensor[] {
  return () => {
    const list = asTuple(fn(...inputs));
    return places.map((place) => list[place] as Tensor);
  };
}

/** A tensor as Python's f-strings show it: one of no dimensions by its value. */
export const shown = (x: Tensor): string => (x.dim() === 0 ? `${x.item<Element>()}` : `${x}`);

/** What is wrong, with both Jacobians or what stands for them. */
export function mismatch(
  { part, complexPlaces }: Problem,
  { output, input, isForward = false }: { output: number; input: number; isForward?: boolean },
  numerical: Tensor,
  analytical: Tensor,
): string {
  const isTaken = complexPlaces.includes(isForward ? input : output);
  const prefix = isTaken
    ? `While considering the ${part} part of complex ${isForward ? 'inputs' : 'outputs'} only, `
    : '';
  const mode = isForward ? 'computed with forward mode ' : '';
  return (
    `${prefix}Jacobian ${mode}mismatch for output ${output} with respect to input ${input},\n` +
    `numerical:${shown(numerical)}\nanalytical:${shown(analytical)}\n`
  );
}
