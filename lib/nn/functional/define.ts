import type { Tensor } from '../../tensor/index.ts';
import { type Arguments, type Call, checkTensor, Signature } from '../arguments.ts';

/** What a function of one tensor and its layer share. */
export interface Definition<A extends object> {
  readonly signature: Signature<A>;
  readonly apply: (x: Tensor, values: A) => Tensor;
}

/** A function of one tensor, whose arguments may be given in order or by name. */
export interface TensorFunction<P extends unknown[], O, A extends object> {
  (x: Tensor, ...given: Call<P, O>): Tensor;
  /** From which its layer is made. */
  readonly definition: Definition<A>;
}

/**
 * Makes a function of one tensor from a table of its arguments.
 *
 * @param name As torch has it, in camelCase.
 * @param list Its arguments in torch's order, or its signature.
 */
export function defineFunction<P extends unknown[], O, A extends object>(
  name: string,
  list: Arguments<A> | Signature<A>,
  apply: (x: Tensor, values: A) => Tensor,
): TensorFunction<P, O, A> {
  const signature = list instanceof Signature ? list : new Signature<A>(list);
  const call = (x: Tensor, ...given: unknown[]): Tensor => {
    checkTensor(name, 'x', x);
    return apply(x, signature.read(name, given));
  };
  Object.defineProperty(call, 'name', { value: name });
  return Object.assign(call, { definition: { signature, apply } }) as TensorFunction<P, O, A>;
}

/** The same function, which overwrites its input; it takes the rest as the other does. */
export function inPlace<P extends unknown[], O, A extends { inplace: boolean }>(
  of: TensorFunction<P, O, A>,
): (x: Tensor, ...given: Call<P, Omit<O, 'inplace'>>) => Tensor {
  const { signature, apply } = of.definition;
  const name = `${of.name}_`;
  const call = (x: Tensor, ...given: unknown[]): Tensor =>
    apply(x, { ...signature.read(name, given), inplace: true });
  return Object.defineProperty(call, 'name', { value: name });
}
