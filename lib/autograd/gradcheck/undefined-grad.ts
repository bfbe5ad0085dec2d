import { grad, type Tensor } from '../../tensor/index.ts';
import { AutogradFunction } from '../function.ts';
import type { FunctionCtx } from '../function-ctx.ts';
import { GradcheckError } from './gradcheck-error.ts';

/** Passes its inputs on, and no gradient back. */
class UndefinedGrad extends AutogradFunction {
  static forward(ctx: FunctionCtx, ...inputs: Tensor[]): Tensor[] {
    ctx.setMaterializeGrads(false);
    return inputs;
  }

  static backward(_ctx: FunctionCtx, ...gradients: (Tensor | null)[]): null[] {
    return gradients.map(() => null);
  }
}

/** Checks that a backward takes outputs without a gradient, all and each, for outputs whose gradient is zero. */
export function checkUndefinedGradients(
  name: string,
  compute: () => readonly Tensor[],
  inputs: readonly Tensor[],
): void {
  const outputs = compute();
  const sets = [outputs.map(() => true)];
  if (outputs.length > 1) for (let i = 0; i < outputs.length; i++) sets.push(outputs.map((_, o) => o === i));
  for (const isUndefined of sets) {
    const ends = compute().map((output, i) => {
      const [end] = isUndefined[i] ? UndefinedGrad.apply(output) : [output];
      return end as Tensor;
    });
    const zeros = ends.map((end) => end.detach().mul(0));
    expectZeros(name, ends, inputs, zeros);
  }
}

function expectZeros(name: string, ends: Tensor[], inputs: readonly Tensor[], zeros: Tensor[]): void {
  let found: readonly (Tensor | null)[];
  try {
    found = grad(ends, inputs, { gradOutputs: zeros, allowUnused: true });
  } catch (error) {
    throw new GradcheckError(
      'Expected backward function to handle undefined output grads. Please look at "Notes about undefined output gradients" ' +
        `in PyTorch's derivatives.yaml; ${name} got ${error}`,
      { cause: error },
    );
  }
  if (found.some((gradient) => gradient?.ne(0).any().item<boolean>())) {
    throw new GradcheckError(
      'Expected all input grads to be undefined or zero when all output grads are undefined or zero',
    );
  }
}
