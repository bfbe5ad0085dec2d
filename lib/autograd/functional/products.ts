import { checkPositions } from '../../options.ts';
import { enableGrad, type Tensor, zerosLike } from '../../tensor/index.ts';
import { checkFunctional, type FunctionalOptions, gradients, onlyElement } from './gradients.ts';
import {
  asList,
  checkTensors,
  type Differentiable,
  detachAll,
  type OneOrMany,
  prepare,
  run,
} from './inputs.ts';

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
  checkFunctional('vjp', options);
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
  checkFunctional('jvp', options);
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
  checkTensors(`${name} argument "v"`, v);
  const vectors = asList(v);
  const shapes = (list: readonly Tensor[]) => list.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ');
  if (shapes(vectors) !== shapes(like)) {
    throw new RangeError(`Expected v of shape ${shapes(like)} for ${name}, got ${shapes(vectors)}`);
  }
  return vectors;
}

type Grads = (
  gradient: readonly Tensor[],
  inputs: readonly Tensor[],
  vectors: readonly Tensor[] | undefined,
) => Tensor[];

/** The output of a function of one element, and what `products` makes of its gradient. */
function ofHessian(
  name: string,
  {
    fn,
    inputs,
    v,
    options,
  }: { fn: Differentiable; inputs: OneOrMany; v: OneOrMany | null; options: FunctionalOptions },
  products: Grads,
): [Tensor, OneOrMany] {
  return enableGrad(() => {
    const given = prepare(name, inputs, options.createGraph);
    const vectors = vectorLike(name, v, given);
    const output = run(name, fn, given);
    const only = onlyElement(name, output);
    const strict = options.strict ?? false;
    const first = gradients([only], given, undefined, { createGraph: true, strict }, DEPENDS);
    const found = products(first, given, vectors);
    const [value] = detachAll(asList(output), options.createGraph);
    return [value as Tensor, likeGiven(detachAll(found, options.createGraph), inputs)];
  });
}

const DEPENDS = 'an output that depends on each input';

/**
 * The output of `fn`, which has one element, and the product of `v` with its Hessian, as torch.autograd.functional.vhp. `v` is
 * like the inputs; it may be left out for an input of one element.
 *
 * @example const [y, product] = autograd.functional.vhp((x) => x.pow(3).sum(), tensor([1, 2]), tensor([1, 0]));
 */
export function vhp(
  fn: (x: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [Tensor, Tensor];
export function vhp(
  fn: Differentiable,
  inputs: OneOrMany,
  v?: OneOrMany | null,
  options?: FunctionalOptions,
): [Tensor, OneOrMany];
export function vhp(
  fn: Differentiable,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [Tensor, OneOrMany] {
  checkPositions('vhp', arguments, 4);
  checkFunctional('vhp', options);
  return ofHessian('vhp', { fn, inputs, v, options }, (first, given, vectors) =>
    gradients(first, given, vectors, options, DEPENDS),
  );
}

/** The same by differentiating three times, as torch.autograd.functional.hvp: slower than `vhp`, whose product is the same. */
export function hvp(
  fn: (x: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [Tensor, Tensor];
export function hvp(
  fn: Differentiable,
  inputs: OneOrMany,
  v?: OneOrMany | null,
  options?: FunctionalOptions,
): [Tensor, OneOrMany];
export function hvp(
  fn: Differentiable,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [Tensor, OneOrMany] {
  checkPositions('hvp', arguments, 4);
  checkFunctional('hvp', options);
  return ofHessian('hvp', { fn, inputs, v, options }, (first, given, vectors) => {
    const dual = given.map((input) => zerosLike(input).requiresGrad_());
    const inner = { createGraph: true, strict: options.strict ?? false };
    const second = gradients(first, given, dual, inner, DEPENDS);
    return gradients(second, dual, vectors, options, DEPENDS);
  });
}
