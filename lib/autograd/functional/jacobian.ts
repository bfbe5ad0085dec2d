import { checkFunction, checkPositions, describeValue } from '../../options.ts';
import { enableGrad, eye, stack, type Tensor, zerosLike } from '../../tensor/index.ts';
import { dualLevel, makeDual, unpackDual } from '../forward-ad.ts';
import { vmap } from '../vmap.ts';
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

export interface JacobianOptions extends FunctionalOptions {
  /** Compute all rows by one pass over a batch, which takes more memory. Default false. */
  vectorize?: boolean;
  /** `forward-mode` differentiates with the values, column by column; it needs `vectorize`. Default `reverse-mode`. */
  strategy?: 'reverse-mode' | 'forward-mode';
}

export interface HessianOptions extends FunctionalOptions {
  /** Compute all rows by one pass over a batch, which takes more memory. Default false. */
  vectorize?: boolean;
  /** How the gradient is differentiated; `forward-mode` needs `vectorize`. Default `reverse-mode`. */
  outerJacobianStrategy?: 'reverse-mode' | 'forward-mode';
}

const DEPENDS = 'an output that depends on each input';
const STRATEGIES = ['reverse-mode', 'forward-mode'];

function checkStrategy(name: string, key: string, options: JacobianOptions): void {
  const { vectorize = false, strategy = 'reverse-mode', strict = false, createGraph = false } = options;
  if (!STRATEGIES.includes(strategy)) {
    throw new RangeError(
      `Expected "reverse-mode" or "forward-mode" for ${name} ${key}, got ${describeValue(strategy)}`,
    );
  }
  if (vectorize && strict)
    throw new RangeError(
      `Expected strict without vectorize for ${name}, got both; a batch hides what is missing`,
    );
  if (strategy === 'reverse-mode') return;
  if (!vectorize)
    throw new RangeError(`Expected vectorize: true beside "forward-mode" for ${name}, got false`);
  if (createGraph)
    throw new RangeError(`Expected "reverse-mode" with createGraph for ${name}, got "forward-mode"`);
}

/** A matrix of ones and zeros whose rows have the shape of `like`. */
function basisOf(like: Tensor): Tensor {
  const count = like.numel();
  return eye(count, count, { dtype: like.dtype, device: like.device }).reshape([count, ...like.shape]);
}

/** The gradients of each element of `output`, stacked: `[...output, ...input]` for each input. */
function jacobianOf(output: Tensor, inputs: readonly Tensor[], options: JacobianOptions): Tensor[] {
  const rows = output.numel() === 0 ? null : rowsOf(output, inputs, options);
  return inputs.map((input, i) => {
    const shape = [...output.shape, ...input.shape];
    return rows === null ? zerosLike(input).expand(shape) : (rows[i] as Tensor).reshape(shape);
  });
}

function rowsOf(output: Tensor, inputs: readonly Tensor[], options: JacobianOptions): Tensor[] {
  const settings = { createGraph: options.createGraph ?? false, strict: options.strict ?? false };
  if (options.vectorize) {
    const ofRow = (row: Tensor): Tensor[] => gradients([output], inputs, [row], settings, DEPENDS, true);
    return vmap(ofRow, basisOf(output));
  }
  const rows = Array.from({ length: output.numel() }, (_, j) => {
    const element = output.reshape([-1]).select(0, j);
    return gradients([element], inputs, undefined, settings, DEPENDS, true);
  });
  return inputs.map((_, i) => stack(rows.map((row) => row[i] as Tensor)));
}

/** The same by forward mode: for each output, `[...output, ...input]` for each input. */
function forwardJacobians(
  fn: Differentiable,
  inputs: readonly Tensor[],
): { parts: Tensor[][]; isList: boolean } {
  let outputs: OneOrMany = [];
  const columns = inputs.map((input, i) => {
    const ofColumn = (column: Tensor): Tensor[] =>
      dualLevel(() => {
        const duals = inputs.map((other, j) => (j === i ? makeDual(other, column) : other));
        outputs = run('jacobian', fn, duals);
        return asList(outputs).map((output) => {
          const { primal, tangent } = unpackDual(output);
          return tangent ?? zerosLike(primal);
        });
      });
    return vmap(ofColumn, basisOf(input));
  });
  const count = asList(outputs).length;
  const parts = Array.from({ length: count }, (_, o) =>
    inputs.map((input, i) => {
      const column = (columns[i] as Tensor[])[o] as Tensor;
      return column.movedim(0, -1).reshape([...column.shape.slice(1), ...input.shape]);
    }),
  );
  return { parts, isList: Array.isArray(outputs) };
}

/**
 * The Jacobian of `fn` at `inputs`, as torch.autograd.functional.jacobian: `[...output, ...input]` for a tensor and one output;
 * an array for several inputs, for several outputs, or of arrays (by output, then input) for both.
 *
 * @example const j = autograd.functional.jacobian((x) => x.exp(), tensor([0, 1])); // [2, 2]
 */
export function jacobian(fn: (x: Tensor) => Tensor, inputs: Tensor, options?: JacobianOptions): Tensor;
export function jacobian(
  fn: Differentiable,
  inputs: OneOrMany,
  options?: JacobianOptions,
): Tensor | Tensor[] | Tensor[][];
export function jacobian(
  fn: Differentiable,
  inputs: OneOrMany,
  options: JacobianOptions = {},
): Tensor | Tensor[] | Tensor[][] {
  checkPositions('jacobian', arguments, 3);
  const { strategy, ...flags } = options;
  checkFunctional('jacobian', flags, ['vectorize', 'strategy']);
  checkStrategy('jacobian', 'strategy', options);
  checkFunction('jacobian', fn);
  if (strategy === 'forward-mode') return ofForward(fn, inputs);
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

function ofForward(fn: Differentiable, inputs: OneOrMany): Tensor | Tensor[] | Tensor[][] {
  checkTensors('jacobian argument "inputs"', inputs);
  const given = asList(inputs).map((input) => input.detach());
  const { parts, isList } = forwardJacobians(fn, given);
  const rows = parts.map((row) => (Array.isArray(inputs) ? row : (row[0] as Tensor)));
  return (isList ? rows : rows[0]) as Tensor | Tensor[] | Tensor[][];
}

/**
 * The Hessian of `fn`, whose output has one element, as torch.autograd.functional.hessian: `[...input, ...input]` for a tensor,
 * arrays of arrays for several inputs.
 *
 * @throws RangeError for an output of several elements.
 */
export function hessian(fn: (x: Tensor) => Tensor, inputs: Tensor, options?: HessianOptions): Tensor;
export function hessian(fn: Differentiable, inputs: OneOrMany, options?: HessianOptions): Tensor | Tensor[][];
export function hessian(
  fn: Differentiable,
  inputs: OneOrMany,
  options: HessianOptions = {},
): Tensor | Tensor[][] {
  checkPositions('hessian', arguments, 3);
  const { outerJacobianStrategy: strategy = 'reverse-mode', ...flags } = options;
  checkFunctional('hessian', flags, ['vectorize', 'outerJacobianStrategy']);
  checkStrategy('hessian', 'outerJacobianStrategy', { ...flags, strategy });
  const gradient: Differentiable = (...given) => {
    // Forward mode gives inputs without a graph.
    if (strategy === 'forward-mode') for (const input of given) input.requiresGrad_();
    const output = onlyElement('hessian', run('hessian', fn, given));
    const inner = { createGraph: true, strict: options.strict ?? false };
    const found = gradients([output], given, undefined, inner, 'an output that depends on each input');
    return Array.isArray(inputs) ? found : (found[0] as Tensor);
  };
  return jacobian(gradient, inputs, { ...flags, strategy }) as Tensor | Tensor[][];
}
