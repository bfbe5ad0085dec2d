import type { Tensor } from '../../tensor/index.ts';
import { analyticalJacobians, areClose } from './analytical.ts';
import { forwardJacobians } from './forward.ts';
import { GradcheckError } from './gradcheck-error.ts';
import { numericalJacobians } from './numerical.ts';
import type { Settings } from './options.ts';
import {
  asTuple,
  computeOf,
  isContinuous,
  mismatch,
  type Problem,
  placesOf,
  requiresGrad,
} from './problem.ts';

/** Compares whole Jacobians. */
export function checkSlowly(problem: Problem, settings: Settings, isForward: boolean): void {
  const result = problem.fn(...problem.inputs);
  const starts = problem.inputs.filter(requiresGrad);
  const places = placesOf(result);
  if (places.length === 0) {
    checkConstant(problem, starts, result, settings);
    return;
  }
  const compute = computeOf(problem, places);
  const numerical = starts.map((input) => numericalJacobians(compute, input, settings.eps));
  const compare = (analytical: Tensor, output: number, input: number): void => {
    const expected = numerical[input]?.[output] as Tensor;
    if (areClose(analytical, expected, settings.rtol, settings.atol)) return;
    throw new GradcheckError(mismatch(problem, { output, input, isForward }, expected, analytical));
  };
  if (isForward) {
    const continuous = asTuple(result).flatMap((value, i) => (isContinuous(value) ? [i] : []));
    for (const [input, jacobians] of forwardJacobians(problem, settings).entries()) {
      for (const [output, place] of places.entries())
        compare(jacobians[continuous.indexOf(place)] as Tensor, output, input);
    }
    return;
  }
  for (const [output, value] of compute().entries()) {
    for (const [input, jacobian] of analyticalJacobians(value, starts, settings).entries())
      compare(jacobian, output, input);
  }
}

/** A function whose results require no grad must not depend on the inputs. */
function checkConstant(
  problem: Problem,
  starts: readonly Tensor[],
  result: unknown,
  { eps }: Settings,
): void {
  const places = asTuple(result).flatMap((value, i) => (isContinuous(value) ? [i] : []));
  for (const input of starts) {
    for (const jacobian of numericalJacobians(computeOf(problem, places), input, eps)) {
      if (jacobian.ne(0).any().item<boolean>())
        throw new GradcheckError('Numerical gradient for function expected to be zero');
    }
  }
}
