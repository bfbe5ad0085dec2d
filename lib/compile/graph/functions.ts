import { toNumbers } from './affine.ts';
import type { ElementFunction, Node, PointwiseNode } from './graph.ts';
import type { Importer } from './layers.ts';
import { isGlobalPool, type Known, type OpReader, Unsupported } from './op-reader.ts';

/** A function of one element that an op is, from its arguments. */
type Reader = (op: OpReader) => ElementFunction | Unsupported;

/**
 * A number, or a constant tensor of one element.
 *
 * @throws Unsupported where it is something else, such as a tensor of several elements.
 */
export function numberAt(op: OpReader, index: number, missing: number): number {
  const arg = op.arg(index);
  if (arg?.kind === 'constant' && arg.tensor.numel() === 1) return toNumbers(arg.tensor)[0] as number;
  const value = op.literal<unknown>(index, missing) ?? missing;
  if (typeof value === 'number') return value;
  throw new Unsupported('with an argument that is no number');
}

/** The kernel's function of that name; its numbers are arguments of the op, with their defaults, or fixed. */
export const fn =
  (name: string, ...numbers: (number | { at: number; missing: number })[]): Reader =>
  (op) => {
    const args = numbers.map((number) =>
      typeof number === 'number' ? number : numberAt(op, number.at, number.missing),
    );
    return args.every((number) => Number.isFinite(Math.fround(number)))
      ? { name, args }
      : new Unsupported('with an argument that is no finite float32');
  };
/** An argument of the op by its place. */
export const arg = (at: number, missing: number) => ({ at, missing });

const isGiven = (op: OpReader, index: number): boolean => {
  const given = op.arg(index);
  return given !== undefined && !(given.kind === 'literal' && given.value == null);
};

/** Either bound may be left out. */
const clamp: Reader = (op) => {
  if (!isGiven(op, 1)) return fn('clamp_max', arg(2, 0))(op);
  return isGiven(op, 2) ? fn('clamp', arg(1, 0), arg(2, 0))(op) : fn('clamp_min', arg(1, 0))(op);
};

/** celu is elu whose input is divided by alpha. */
const celu: Reader = (op) => {
  const alpha = numberAt(op, 1, 1);
  return fn('elu', alpha, 1, 1 / alpha)(op);
};

const gelu: Reader = (op) => fn(op.literal<string>(1, 'none') === 'tanh' ? 'gelu_tanh' : 'gelu')(op);

const prelu: Reader = (op) => {
  const weight = op.constant(1);
  if (weight?.numel() !== 1) return new Unsupported('with a weight for each channel');
  return fn('leaky_relu', arg(1, 0))(op);
};

/** As `aten::selu` has them. */
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };

/** Ops of one element, by their names in libtorch. */
export const FUNCTIONS: Readonly<Record<string, Reader>> = {
  abs: fn('abs'),
  absolute: fn('abs'),
  celu,
  clamp,
  clamp_max: fn('clamp_max', arg(1, 0)),
  clamp_min: fn('clamp_min', arg(1, 0)),
  clip: clamp,
  elu: fn('elu', arg(1, 1), arg(2, 1), arg(3, 1)),
  erf: fn('erf'),
  exp: fn('exp'),
  gelu,
  hardsigmoid: fn('hardsigmoid'),
  hardswish: fn('hardswish'),
  hardtanh: fn('clamp', arg(1, -1), arg(2, 1)),
  leaky_relu: fn('leaky_relu', arg(1, 0.01)),
  log: fn('log'),
  log_sigmoid: fn('log_sigmoid'),
  mish: fn('mish'),
  neg: fn('affine', -1, 0),
  negative: fn('affine', -1, 0),
  pow: fn('pow', arg(1, 1)),
  prelu,
  reciprocal: fn('reciprocal'),
  relu6: fn('clamp', 0, 6),
  rsqrt: fn('rsqrt'),
  selu: fn('elu', SELU.alpha, SELU.scale, 1),
  silu: fn('silu'),
  softplus: fn('softplus', arg(1, 1), arg(2, 20)),
  sqrt: fn('sqrt'),
  square: fn('square'),
  tanh: fn('tanh'),
};

/** Means of whole maps as a vector, which the convolution before them may give. */
export const withoutPool = (op: OpReader, known: Known): Node =>
  (isGlobalPool(known.node) ? op.vector(known) : undefined) ?? known.node;

/** A map or a vector, element by element. */
export const pointwise =
  (read: Reader): Importer =>
  (op) => {
    const known = op.known(0);
    if (known === undefined) return new Unsupported('on such a value');
    const made = read(op);
    if (made instanceof Unsupported) return made;
    const input = withoutPool(op, known);
    const own = { prologue: null, combine: null, constant: null, functions: [made] };
    return op.make<PointwiseNode>({ op: 'pointwise', ...own }, [input], input.shape);
  };
