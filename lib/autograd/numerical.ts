import { noGrad, ops, scope, type Tensor } from '../tensor/index.ts';

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
 * output. The input's memory is changed meanwhile and put back, so that a function may read it by other means.
 */
export function numericalJacobians(compute: () => readonly Tensor[], input: Tensor, eps: number): Tensor[] {
  const columns: Tensor[][] = [];
  const layout = { shape: input.shape, offset: input.storageOffset(), strides: input.stride() };
  eachPlace(layout, (place) => columns.push(differences(compute, input, place, eps)));
  const count = columns[0]?.length ?? 0;
  return Array.from({ length: count }, (_, i) =>
    ops.aten.stack(columns.map((column) => column[i] as Tensor)),
  );
}

/** (f(x + eps) - f(x - eps)) / 2 eps in one element, flat, for each output. */
function differences(compute: () => readonly Tensor[], input: Tensor, place: number, eps: number): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const element = ops.aten.as_strided(input.detach(), [], [], place);
      const value = element.item();
      const at = (x: number): Tensor[] => {
        element.fill_(x);
        return compute().map((output) => output.reshape([-1]).clone());
      };
      try {
        const above = at(value + eps);
        const below = at(value - eps);
        return above.map((output, i) => output.sub(below[i] as Tensor).div(2 * eps));
      } finally {
        element.fill_(value);
      }
    }),
  );
}
