import { Complex, Generator, ops, rand, type Tensor } from '../../tensor/index.ts';
import { analyticalJacobians, analyticalProducts, areClose } from './analytical.ts';
import { forwardJacobians, forwardProducts } from './forward.ts';
import { GradcheckError } from './gradcheck-error.ts';
import { type Direction, numericalJacobians, numericalProducts } from './numerical.ts';
import type { Settings } from './options.ts';
import {
  asTuple,
  computeOf,
  isComplexTensor,
  isContinuous,
  mismatch,
  type Problem,
  placesOf,
  requiresGrad,
  shown,
} from './problem.ts';

/** A random vector of length 1 with as many elements as `x`, without a negative one. */
function unitVector(x: Tensor, generator: Generator): Tensor {
  const dtype = { complex128: 'float64', complex64: 'float32' }[x.dtype as string] ?? x.dtype;
  const drawn = rand([x.numel()], { generator }).to({ dtype: dtype as 'float64', device: x.device });
  return drawn.div(ops.aten.linalg_vector_norm(drawn));
}

/** Directions of inputs, and of outputs, from a generator of their own. */
export function directionsOf(inputs: readonly Tensor[]): { all: Direction[]; generator: Generator } {
  const generator = new Generator();
  const all = inputs.map((input): Direction => {
    const real = unitVector(input, generator);
    return isComplexTensor(input) ? [real, unitVector(input, generator)] : [real];
  });
  return { all, generator };
}

/** What a tolerance for single elements comes to for a product of both vectors. */
function adjusted(atol: number, direction: Direction, weights: Tensor | null): number {
  const sum = (vector: Tensor): number => vector.sum().item<number>();
  const total = direction.reduce((all, vector) => all + sum(vector), 0);
  return atol * total * (weights === null ? 1 : sum(weights));
}

/** Compares products of the Jacobians with random vectors. */
export function checkFast(problem: Problem, settings: Settings, isForward: boolean): void {
  const result = problem.fn(...problem.inputs);
  const starts = problem.inputs.filter(requiresGrad);
  const places = placesOf(result);
  const outputs = places.map((place) => asTuple(result)[place] as Tensor);
  const { all, generator } = directionsOf(starts);
  const weights = isForward ? null : outputs.map((output) => unitVector(output, generator));
  if (places.length === 0) {
    checkConstant(problem, result, all, settings);
    return;
  }
  const compute = computeOf(problem, places);
  const numerical = starts.map((input, i) =>
    numericalProducts(compute, input, all[i] as Direction, settings.eps),
  );
  const compare = (analytical: Tensor, output: number, input: number): void => {
    const product = numerical[input]?.[output] as Tensor;
    const weight = weights?.[output] ?? null;
    const expected = weight === null ? product : product.mul(weight).sum();
    const atol = adjusted(settings.atol, all[input] as Direction, weight);
    if (areClose(analytical, expected, settings.rtol, atol)) return;
    const place = { output, input, isForward };
    throw new GradcheckError(
      mismatch(problem, place, expected, analytical) + inFull(problem, settings, place, places),
    );
  };
  if (isForward) compareForward(problem, settings, { result, places, all }, compare);
  else {
    for (const [o, output] of compute().entries()) {
      const found = analyticalProducts(output, starts, weights?.[o] as Tensor, settings);
      for (const [i, gradient] of found.entries()) compare(along(gradient, all[i] as Direction), o, i);
    }
  }
}

interface Given {
  result: unknown;
  places: readonly number[];
  all: readonly Direction[];
}

function compareForward(
  problem: Problem,
  settings: Settings,
  { result, places, all }: Given,
  compare: (analytical: Tensor, output: number, input: number) => void,
): void {
  const continuous = asTuple(result).flatMap((value, i) => (isContinuous(value) ? [i] : []));
  for (const [input, tangents] of forwardProducts(problem, all, settings).entries()) {
    for (const [output, place] of places.entries())
      compare(tangents[continuous.indexOf(place)] as Tensor, output, input);
  }
}

/** A gradient in a direction: the parts of a complex one apart, as finite differences take them. */
function along(gradient: Tensor, [real, imaginary]: Direction): Tensor {
  if (imaginary === undefined) return gradient.dot(real);
  const parts = ops.aten.view_as_real(gradient.resolveConj());
  return parts
    .select(-1, 0)
    .dot(real)
    .add(parts.select(-1, 1).dot(imaginary).mul(new Complex(0, 1)));
}

function checkConstant(
  problem: Problem,
  result: unknown,
  all: readonly Direction[],
  { eps, nondetTol }: Settings,
): void {
  const places = asTuple(result).flatMap((value, i) => (isContinuous(value) ? [i] : []));
  for (const [i, input] of problem.inputs.filter(requiresGrad).entries()) {
    for (const product of numericalProducts(computeOf(problem, places), input, all[i] as Direction, eps)) {
      if (product.numel() > 0 && product.abs().max().item<number>() > nondetTol)
        throw new GradcheckError('Numerical gradient for function expected to be zero');
    }
  }
}

/** What the whole Jacobians say, for the error. */
function inFull(
  problem: Problem,
  settings: Settings,
  { output, input, isForward }: { output: number; input: number; isForward: boolean },
  places: readonly number[],
): string {
  const compute = computeOf(problem, places);
  const starts = problem.inputs.filter(requiresGrad);
  const numerical = numericalJacobians(compute, starts[input] as Tensor, settings.eps)[output] as Tensor;
  const loose = { ...settings, nondetTol: Number.POSITIVE_INFINITY, checkGradDtypes: false };
  const analytical = isForward
    ? (forwardJacobians(problem, loose)[input]?.[output] as Tensor)
    : (analyticalJacobians(compute()[output] as Tensor, starts, loose)[input] as Tensor);
  const isFine = areClose(analytical, numerical, settings.rtol, settings.atol);
  const most = numerical.sub(analytical).abs().max();
  return (
    '\nThe above quantities relating the numerical and analytical jacobians are computed in fast mode. In slow mode:\n\n' +
    `Numerical:\n ${numerical}\nAnalytical:\n${analytical}\n\nThe max per-element difference (slow mode) is: ${shown(most)}.\n` +
    (isFine ? 'Each element is close enough: pass { fastMode: false }.\n' : '')
  );
}
