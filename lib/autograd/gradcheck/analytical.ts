import { grad, isComplex, ops, scope, type Tensor, zeros, zerosLike } from '../../tensor/index.ts';
import { GradcheckError } from './gradcheck-error.ts';
import type { Settings } from './options.ts';

/** Gradients of the inputs for one gradient of an output; null where there is none. */
export function backwardOf(
  output: Tensor,
  inputs: readonly Tensor[],
  gradOutput: Tensor,
): readonly (Tensor | null)[] {
  return grad([output], inputs, { gradOutputs: [gradOutput], retainGraph: true, allowUnused: true });
}

/** Gradients flat, zeros where there are none; their shapes and, if asked, dtypes are looked at. */
function columnsOf(
  gradients: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
  { checkGradDtypes }: Settings,
): Tensor[] {
  return gradients.map((gradient, i) => {
    const input = inputs[i] as Tensor;
    if (gradient === null) return zerosLike(input).detach().reshape([-1]);
    if (checkGradDtypes && gradient.dtype !== input.dtype) {
      throw new GradcheckError(
        `Gradient has dtype mismatch: expected ${input.dtype} for input ${i}, got ${gradient.dtype}`,
      );
    }
    if (`${gradient.shape}` !== `${input.shape}`) {
      throw new GradcheckError(
        `Analytical gradient has incorrect size: expected [${input.shape}] for input ${i}, got [${gradient.shape}]`,
      );
    }
    return (gradient.layout === 'strided' ? gradient : gradient.toDense()).detach().reshape([-1]);
  });
}

/** The Jacobians of one output by its backward, `[input elements, output elements]` for each input. */
function jacobiansOnce(output: Tensor, inputs: readonly Tensor[], settings: Settings): Tensor[] {
  return scope(() => {
    const columns = Array.from({ length: output.numel() }, (_, j) => {
      const gradOutput = zerosLike(output, { memoryFormat: 'contiguous_format' });
      gradOutput.reshape([-1]).select(0, j).fill_(1);
      return columnsOf(backwardOf(output, inputs, gradOutput), inputs, settings);
    });
    return inputs.map((input, i) => {
      if (columns.length === 0) return zeros([input.numel(), 0], { dtype: input.dtype });
      const rows = columns.map((column) => (column[i] as Tensor).to(input.dtype));
      return ops.aten.stack(rows, 1);
    });
  });
}

/**
 * The Jacobians, computed twice.
 *
 * @throws GradcheckError where they differ.
 */
export function analyticalJacobians(output: Tensor, inputs: readonly Tensor[], settings: Settings): Tensor[] {
  const compute = (): Tensor[] => jacobiansOnce(output, inputs, settings);
  return twice(compute, settings);
}

/** The gradients for one gradient of the output, flat, computed twice. */
export function analyticalProducts(
  output: Tensor,
  inputs: readonly Tensor[],
  direction: Tensor,
  settings: Settings,
): Tensor[] {
  const compute = (): Tensor[] =>
    columnsOf(backwardOf(output, inputs, direction.reshape(output.shape)), inputs, settings);
  return twice(compute, settings);
}

function twice(compute: () => Tensor[], { nondetTol }: Settings): Tensor[] {
  const found = compute();
  const again = compute();
  const differs = (one: Tensor, other: Tensor): boolean =>
    one.numel() > 0 && one.sub(other).abs().max().item<number>() > nondetTol;
  if (!found.some((one, i) => differs(one, again[i] as Tensor))) return found;
  throw new GradcheckError(
    'Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different ' +
      'values, although analytical gradient matches numerical gradient. The tolerance for nondeterminism was ' +
      `${nondetTol}.`,
  );
}

/** Whether both are close, in a dtype that holds both. */
export function areClose(one: Tensor, other: Tensor, rtol: number, atol: number): boolean {
  return scope(() => {
    const wide = isComplex(one.dtype) || isComplex(other.dtype) ? 'complex128' : 'float64';
    return ops.aten.allclose(one.to(wide), other.to(wide), rtol, atol);
  });
}
