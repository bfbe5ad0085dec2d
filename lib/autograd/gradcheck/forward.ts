import { isComplex, isTensor, ops, scope, type Tensor, zerosLike } from '../../tensor/index.ts';
import { dualLevel, makeDual, unpackDual } from '../forward-ad.ts';
import { GradcheckError } from './gradcheck-error.ts';
import type { Direction } from './numerical.ts';
import type { Settings } from './options.ts';
import { asTuple, isContinuous, type Problem, requiresGrad } from './problem.ts';

/** The inputs without their graph; those that require grad with tangents, zeros but for one. */
function dualInputs(inputs: readonly unknown[], tangents: readonly (Tensor | null)[]): unknown[] {
  let next = 0;
  return inputs.map((input) => {
    if (!requiresGrad(input)) return input;
    const tangent = tangents[next++];
    return tangent ? makeDual(input.detach(), tangent) : input.detach();
  });
}

/** Tangents of the outputs that have a dtype with derivatives, flat. */
function tangentsOf(result: unknown, { checkGradDtypes }: Settings): Tensor[] {
  return asTuple(result)
    .filter(isContinuous)
    .map((output) => {
      const { primal, tangent } = unpackDual(output);
      if (tangent === null) return zerosLike(primal).detach().reshape([-1]);
      if (checkGradDtypes && isComplex(tangent.dtype) !== isComplex(primal.dtype))
        throw new GradcheckError('Forward AD gradient has dtype mismatch.');
      return tangent.detach().reshape([-1]).clone();
    });
}

const zerosOf = (starts: readonly Tensor[]): Tensor[] => starts.map((input) => zerosLike(input).detach());

/** The Jacobians of all outputs by forward mode, `[input elements, output elements]`, for each input. */
export function forwardJacobians({ fn, inputs }: Problem, settings: Settings): Tensor[][] {
  const starts = inputs.filter(requiresGrad);
  return dualLevel(() =>
    starts.map((input, i) => {
      const rows = Array.from({ length: input.numel() }, (_, j) =>
        scope(() => {
          const tangents = zerosOf(starts);
          ops.aten.as_strided((tangents[i] as Tensor).view([-1]), [], [], j).fill_(1);
          return tangentsOf(fn(...dualInputs(inputs, tangents)), settings);
        }),
      );
      const count = rows[0]?.length ?? 0;
      return Array.from({ length: count }, (_, o) => ops.aten.stack(rows.map((row) => row[o] as Tensor)));
    }),
  );
}

/** The Jacobians of all outputs times a direction of each input. */
export function forwardProducts(
  { fn, inputs }: Problem,
  directions: readonly Direction[],
  settings: Settings,
): Tensor[][] {
  const starts = inputs.filter(requiresGrad);
  return dualLevel(() =>
    directions.map(([direction], i) => {
      const tangents: Tensor[] = zerosOf(starts);
      tangents[i] = direction.reshape((starts[i] as Tensor).shape);
      return tangentsOf(fn(...dualInputs(inputs, tangents)), settings);
    }),
  );
}

/** @throws GradcheckError where an input without a tangent gives something else than one with zeros. */
export function checkUndefinedTangents({ fn, inputs }: Problem, directions: readonly Direction[]): void {
  const starts = inputs.filter(requiresGrad);
  const known = directions.map(([direction], i) => direction.reshape((starts[i] as Tensor).shape));
  dualLevel(() => {
    for (const [i, input] of starts.entries()) {
      const withTangent = (tangent: Tensor | null): (Tensor | null)[] => {
        const tangents = known.map((other, j) => (j === i ? tangent : other));
        return asTuple(fn(...dualInputs(inputs, tangents)))
          .filter(isContinuous)
          .map((output) => unpackDual(output).tangent);
      };
      compare(withTangent(zerosLike(input).detach()), withTangent(null));
    }
  });
}

function compare(ofZeros: readonly (Tensor | null)[], ofNone: readonly (Tensor | null)[]): void {
  for (const [o, expected] of ofZeros.entries()) {
    const got = ofNone[o] ?? null;
    if (!isTensor(expected) || got === null || ops.aten.allclose(expected, got)) continue;
    throw new GradcheckError(
      `Mismatch in tangent values for output ${o} when an input has an undefined tangent value. Got: ${got} but ` +
        `expected: ${expected}`,
    );
  }
}
