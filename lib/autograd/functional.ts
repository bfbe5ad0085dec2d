import { checkOptions, checkPositions } from '../options.ts';
import { enableGrad, grad, stack, type Tensor, zerosLike } from '../tensor/index.ts';
import { asList, type Differentiable, detachAll, type OneOrMany, prepare, run } from './functional-inputs.ts';

export interface FunctionalOptions {
  /** Record the result, to differentiate it again. Default false. */
  createGraph?: boolean;
  /** Throw where an output does not depend on an input, instead of giving zeros. Default false. */
  strict?: boolean;
}

const OPTIONS = ['createGraph', 'strict'];

/** What to do with a gradient that is missing. */
function zerosUnless(strict: boolean, what: string, gradient: Tensor | null, like: Tensor): Tensor {
  if (gradient !== null) return gradient;
  if (strict) throw new RangeError(`Expected ${what} in strict mode, got one that does not`);
  return zerosLike(like);
}

function gradients(
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

/** The gradients of each element of `output`, stacked: `[...output, ...input]` for each input. */
function jacobianOf(output: Tensor, inputs: readonly Tensor[], options: FunctionalOptions): Tensor[] {
  const what = 'an output that depends on each input';
  const rows = Array.from({ length: output.numel() }, (_, j) => {
    const element = output.reshape([-1]).select(0, j);
    return gradients([element], inputs, undefined, options, what, true);
  });
  return inputs.map((input, i) => {
    const shape = [...output.shape, ...input.shape];
    if (rows.length === 0) return zerosLike(input).expand(shape);
    return stack(rows.map((row) => row[i] as Tensor)).reshape(shape);
  });
}

/**
 * The Jacobian of `fn` at `inputs`, as torch.autograd.functional.jacobian: `[...output, ...input]` for a tensor and one output;
 * an array for several inputs, for several outputs, or of arrays (by output, then input) for both.
 *
 * @example const j = autograd.functional.jacobian((x) => x.exp(), tensor([0, 1])); // [2, 2]
 */
export function jacobian(fn: (x: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor;
export function jacobian(
  fn: Differentiable,
  inputs: OneOrMany,
  options?: FunctionalOptions,
): Tensor | Tensor[] | Tensor[][];
export function jacobian(
  fn: Differentiable,
  inputs: OneOrMany,
  options: FunctionalOptions = {},
): Tensor | Tensor[] | Tensor[][] {
  checkPositions('jacobian', arguments, 3);
  checkOptions('jacobian', options, OPTIONS);
  return enableGrad(() => {
    const given = prepare('jacobian', inputs, options.createGraph);
    const result = run('jacobian', fn, given);
    const rows = asList(result).map((output) => {
      const parts = detachAll(jacobianOf(output, given, options), options.createGraph);
      return Array.isArray(inputs) ? parts : (parts[0] as Tensor);
    });
    return (Array.isArray(result) ? rows : rows[0]) as Tensor | Tensor[] | Tensor[][];
  });
}

/**
 * The Hessian of `fn`, whose output has one element, as torch.autograd.functional.hessian: `[...input, ...input]` for a tensor,
 * arrays of arrays for several inputs.
 *
 * @throws RangeError for an output of several elements.
 */
export function hessian(fn: (x: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor;
export function hessian(
  fn: Differentiable,
  inputs: OneOrMany,
  options?: FunctionalOptions,
): Tensor | Tensor[][];
export function hessian(
  fn: Differentiable,
  inputs: OneOrMany,
  options: FunctionalOptions = {},
): Tensor | Tensor[][] {
  checkPositions('hessian', arguments, 3);
  checkOptions('hessian', options, OPTIONS);
  const gradient: Differentiable = (...given) => {
    const output = onlyElement('hessian', run('hessian', fn, given));
    const inner = { createGraph: true, strict: options.strict ?? false };
    const found = gradients([output], given, undefined, inner, 'an output that depends on each input');
    return Array.isArray(inputs) ? found : (found[0] as Tensor);
  };
  return jacobian(gradient, inputs, options) as Tensor | Tensor[][];
}

function onlyElement(name: string, output: OneOrMany): Tensor {
  const [first, ...rest] = asList(output);
  if (first !== undefined && rest.length === 0 && first.numel() === 1) return first.reshape([]);
  throw new RangeError(
    `Expected one output of one element from the function given to ${name}, got ${rest.length + 1} of ` +
      `${first?.numel() ?? 0} elements`,
  );
}

/**
 * The output of `fn` and the product of `v` with its Jacobian, as torch.autograd.functional.vjp. `v` is like the output; it may
 * be left out for an output of one element.
 */
export function vjp(
  fn: (x: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [Tensor, Tensor];
export function vjp(
  fn: Differentiable,
  inputs: OneOrMany,
  v?: OneOrMany | null,
  options?: FunctionalOptions,
): [OneOrMany, OneOrMany];
export function vjp(
  fn: Differentiable,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [OneOrMany, OneOrMany] {
  checkPositions('vjp', arguments, 4);
  checkOptions('vjp', options, OPTIONS);
  return enableGrad(() => {
    const given = prepare('vjp', inputs, options.createGraph);
    const result = run('vjp', fn, given);
    const outputs = asList(result);
    const cotangents = vectorLike('vjp', v, outputs);
    const found = gradients(outputs, given, cotangents, options, 'an output that depends on each input');
    return [
      likeGiven(detachAll(outputs, options.createGraph), result),
      likeGiven(detachAll(found, options.createGraph), inputs),
    ];
  });
}

/**
 * The output of `fn` and the product of its Jacobian with `v`, as torch.autograd.functional.jvp, by differentiating twice. `v`
 * is like the inputs; it may be left out for an input of one element.
 */
export function jvp(
  fn: (x: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [Tensor, Tensor];
export function jvp(
  fn: Differentiable,
  inputs: OneOrMany,
  v?: OneOrMany | null,
  options?: FunctionalOptions,
): [OneOrMany, OneOrMany];
export function jvp(
  fn: Differentiable,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [OneOrMany, OneOrMany] {
  checkPositions('jvp', arguments, 4);
  checkOptions('jvp', options, OPTIONS);
  return enableGrad(() => {
    const given = prepare('jvp', inputs, options.createGraph);
    const result = run('jvp', fn, given);
    const outputs = asList(result);
    const tangents = vectorLike('jvp', v, given);
    // The first derivative is linear in these, so their values do not matter.
    const dual = outputs.map((output) => zerosLike(output).requiresGrad_());
    const strict = options.strict ?? false;
    const first = gradients(
      outputs,
      given,
      dual,
      { createGraph: true, strict },
      'outputs that depend on the inputs',
    );
    const found = gradients(first, dual, tangents, options, 'outputs that depend on the inputs');
    return [
      likeGiven(detachAll(outputs, options.createGraph), result),
      likeGiven(detachAll(found, options.createGraph), result),
    ];
  });
}

function likeGiven(list: Tensor[], given: OneOrMany): OneOrMany {
  return Array.isArray(given) ? list : (list[0] as Tensor);
}

function vectorLike(
  name: string,
  v: OneOrMany | null,
  like: readonly Tensor[],
): readonly Tensor[] | undefined {
  if (v === null) {
    if (like.length === 1 && like[0]?.numel() === 1) return undefined;
    throw new TypeError(
      `Expected v for ${name}, which only one tensor of one element can do without, got none`,
    );
  }
  const vectors = asList(v);
  const shapes = (list: readonly Tensor[]) => list.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ');
  if (shapes(vectors) !== shapes(like)) {
    throw new RangeError(`Expected v of shape ${shapes(like)} for ${name}, got ${shapes(vectors)}`);
  }
  return vectors;
}
