import { checkFlags, checkOptions } from '../../options.ts';
import { grad, type Tensor, zerosLike } from '../../tensor/index.ts';
import { asList, type OneOrMany } from './inputs.ts';

export interface FunctionalOptions {
  /** Record the result, to differentiate it again. Default false. */
  createGraph?: boolean;
  /** Throw where an output does not depend on an input, instead of giving zeros. Default false. */
  strict?: boolean;
}

/** Checks what all have, and the names that some have beside. */
export function checkFunctional(name: string, options: object, more: readonly string[] = []): void {
  checkOptions(name, options, ['createGraph', 'strict', ...more]);
  checkFlags(name, { ...options });
}

/** What to do with a gradient that is missing. */
function zerosUnless(strict: boolean, what: string, gradient: Tensor | null, like: Tensor): Tensor {
  if (gradient !== null) return gradient;
  if (strict) throw new RangeError(`Expected ${what} in strict mode, got one that does not`);
  return zerosLike(like);
}

export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly Tensor[] | undefined,
  { createGraph = false, strict = false }: FunctionalOptions,
  what: string,
  retainGraph = createGraph,
): Tensor[] {
  const recorded = outputs.map((output, i) => ({ output, gradOutput: gradOutputs?.[i] }));
  const used = recorded.filter(({ output }) => output.requiresGrad);
  const given = used.map(({ gradOutput }) => gradOutput ?? null);
  const found: readonly (Tensor | null)[] =
    used.length === 0
      ? inputs.map(() => null)
      : grad(
          used.map(({ output }) => output),
          inputs,
          { gradOutputs: given, createGraph, retainGraph, allowUnused: true },
        );
  return inputs.map((input, i) => zerosUnless(strict, what, found[i] ?? null, input));
}

/** The one output of one element, without dimensions. */
export function onlyElement(name: string, output: OneOrMany): Tensor {
  const [first, ...rest] = asList(output);
  if (first !== undefined && rest.length === 0 && first.numel() === 1) return first.reshape([]);
  throw new RangeError(
    `Expected one output of one element from the function given to ${name}, got ${rest.length + 1} of ` +
      `${first?.numel() ?? 0} elements`,
  );
}
