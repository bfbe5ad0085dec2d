import { grad, ops, scope, type Tensor, zeros, zerosLike } from '../tensor/index.ts';

/** Gradients of the inputs for one gradient of an output; null where there is none. */
export function backwardOf(
  output: Tensor,
  inputs: readonly Tensor[],
  gradOutput: Tensor,
): readonly (Tensor | null)[] {
  return grad([output], inputs, { gradOutputs: [gradOutput], retainGraph: true, allowUnused: true });
}

/**
 * The Jacobians of one output by its backward, `[input elements, output elements]` for each input, and what else is to be
 * seen of each gradient.
 */
export function analyticalJacobians(
  output: Tensor,
  inputs: readonly Tensor[],
  look: (gradient: Tensor, input: number) => void,
): Tensor[] {
  return scope(() => {
    const columns = Array.from({ length: output.numel() }, (_, j) => {
      const gradOutput = zerosLike(output, { memoryFormat: 'contiguous_format' });
      gradOutput.reshape([-1]).select(0, j).fill_(1);
      return backwardOf(output, inputs, gradOutput).map((gradient, i) => {
        const input = inputs[i] as Tensor;
        if (gradient === null) return zerosLike(input).detach().reshape([-1]);
        look(gradient, i);
        return (gradient.layout === 'strided' ? gradient : gradient.toDense()).detach().reshape([-1]);
      });
    });
    return inputs.map((input, i) => {
      if (columns.length === 0) return zeros([input.numel(), 0], { dtype: input.dtype });
      const rows = columns.map((column) => (column[i] as Tensor).to(input.dtype));
      return ops.aten.stack(rows, 1);
    });
  });
}
