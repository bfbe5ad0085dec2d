import { Complex, type Element, noGrad, ops, scope, type Tensor } from '../../tensor/index.ts';
import { isComplexTensor } from './problem.ts';

type Compute = () => readonly Tensor[];

/** Calls `fn` with each place of a tensor: the offset of an element in its storage. */
function eachPlace({ shape, offset, strides }: Layout, fn: (place: number) => void): void {
  const [size, ...shapes] = shape;
  if (size === undefined) {
    fn(offset);
    return;
  }
  const [step = 0, ...steps] = strides;
  for (let i = 0; i < size; i++) eachPlace({ shape: shapes, offset: offset + i * step, strides: steps }, fn);
}

interface Layout {
  shape: number[];
  offset: number;
  strides: number[];
}

/**
 * The Jacobians of outputs with respect to one input, by central differences: `[input elements, output elements]` for each
 * output; for a complex input, d/dx + i d/dy, as backward has it. The input's memory is changed meanwhile and put back, so that a
 * function may read it by other means.
 */
export function numericalJacobians(compute: Compute, input: Tensor, eps: number): Tensor[] {
  const columns: Tensor[][] = [];
  const layout = { shape: input.shape, offset: input.storageOffset(), strides: input.stride() };
  eachPlace(layout, (place) => columns.push(columnOf(compute, input, place, eps)));
  const count = columns[0]?.length ?? 0;
  return Array.from({ length: count }, (_, i) =>
    ops.aten.stack(columns.map((column) => column[i] as Tensor)),
  );
}

function columnOf(compute: Compute, input: Tensor, place: number, eps: number): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const element = ops.aten.as_strided(input.detach(), [], [], place);
      const value = element.item<Element>();
      if (!(value instanceof Complex)) {
        return differences(compute, element, [(value as number) - eps, (value as number) + eps], eps);
      }
      const { re, im } = value;
      const alongX = differences(
        compute,
        element,
        [new Complex(re - eps, im), new Complex(re + eps, im)],
        eps,
      );
      const alongY = differences(
        compute,
        element,
        [new Complex(re, im - eps), new Complex(re, im + eps)],
        eps,
      );
      return joined(alongX, alongY);
    }),
  );
}

const joined = (alongX: readonly Tensor[], alongY: readonly Tensor[]): Tensor[] =>
  alongX.map((dx, i) => dx.add((alongY[i] as Tensor).mul(new Complex(0, 1))));

/** (f(above) - f(below)) / 2 eps with `element` set to both, flat, for each output. */
function differences(compute: Compute, element: Tensor, [below, above]: Element[], eps: number): Tensor[] {
  const before = element.clone();
  const at = (value: Element): Tensor[] => {
    element.fill_(value as number);
    return compute().map((output) => output.reshape([-1]).clone());
  };
  try {
    return quotients(at(below as Element), at(above as Element), eps);
  } finally {
    element.copy_(before);
  }
}

function quotients(below: readonly Tensor[], above: readonly Tensor[], eps: number): Tensor[] {
  return above.map((output, i) => {
    const other = below[i] as Tensor;
    checkSame(output, other, eps);
    return output.sub(other).div(2 * eps);
  });
}

function checkSame(one: Tensor, other: Tensor, eps: number): void {
  if (`${one.shape}` === `${other.shape}` && one.dtype === other.dtype) return;
  throw new RangeError(
    `Expected outputs of one shape and dtype where inputs are changed by ${eps}, got ${one.dtype} of ${one.numel()} ` +
      `elements and ${other.dtype} of ${other.numel()}`,
  );
}

/** The directions of a complex input, real and imaginary, or the one of a real input; flat. */
export type Direction = readonly [Tensor] | readonly [Tensor, Tensor];

/** The Jacobians times a direction, by central differences: flat, for each output. */
export function numericalProducts(
  compute: Compute,
  input: Tensor,
  direction: Direction,
  eps: number,
): Tensor[] {
  const along = (step: Tensor): Tensor[] =>
    noGrad(() =>
      scope(() => {
        const data = input.detach();
        const before = data.clone();
        const at = (change: Tensor): Tensor[] => {
          data.copy_(before.add(change));
          return compute().map((output) => output.reshape([-1]).clone());
        };
        const change = step.reshape(input.shape).mul(eps);
        try {
          return quotients(at(change.neg()), at(change), eps);
        } finally {
          data.copy_(before);
        }
      }),
    );
  const [real, imaginary] = direction;
  if (imaginary === undefined || !isComplexTensor(input)) return along(real);
  return joined(along(real), along(imaginary.mul(new Complex(0, 1))));
}
