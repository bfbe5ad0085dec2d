import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { type Arguments, type Call, checkTensor, Signature } from '../arguments.ts';
import type { TensorFunction } from '../functional/define.ts';
import { Module } from '../module/module.ts';

/** A layer without parameters: what it computes depends on its arguments alone. */
export interface Layer<I extends unknown[] = [x: Tensor], R = Tensor> extends Module {
  forward(...inputs: I): R;
}

/** The class of a layer without parameters; its arguments stand on the instance. */
export interface LayerClass<P extends unknown[], O, A, I extends unknown[] = [x: Tensor], R = Tensor> {
  new (...given: Call<P, O>): Layer<I, R> & A;
}

/** How a layer prints its arguments. */
export type Printer<A extends object> = (values: A, signature: Signature<A>) => string;

/** All but the switches, then `inplace=True` where it is set: as most activations print. */
function printArguments<A extends object>(values: A, signature: Signature<A>): string {
  const names = Object.keys(signature.list) as (keyof A & string)[];
  const shown = signature.print(
    values,
    names.filter((name) => !signature.list[name].byName),
  );
  const inplace = (values as { inplace?: boolean }).inplace ? 'inplace=True' : '';
  return [shown, inplace].filter((part) => part !== '').join(', ');
}

/**
 * Makes the class of a layer from a table of its arguments.
 *
 * @param list Its arguments in torch's order, or its signature.
 * @param compute Its output, from its inputs and its arguments.
 * @param print What stands between the parentheses when it is printed.
 */
export function defineLayer<
  P extends unknown[],
  O,
  A extends object = object,
  I extends unknown[] = [x: Tensor],
  R = Tensor,
>(
  list: Arguments<A> | Signature<A>,
  compute: (layer: Layer<I, R> & A, ...inputs: I) => R,
  print: Printer<A> = printArguments,
): LayerClass<P, O, A, I, R> {
  const signature = list instanceof Signature ? list : new Signature<A>(list);
  const most = compute.length - 1;
  class Defined extends Module {
    constructor(...given: unknown[]) {
      super();
      Object.assign(this, signature.read(new.target.name, given));
    }

    forward(...inputs: I): R {
      const owner = this.constructor.name;
      checkTensor(owner, 'x', inputs[0]);
      checkPositions(owner, inputs, most);
      return compute(this as unknown as Layer<I, R> & A, ...inputs);
    }

    override extraRepr(): string {
      return print(this as unknown as A, signature);
    }
  }
  return Defined as unknown as LayerClass<P, O, A, I, R>;
}

/** The layer that applies a function of one tensor. */
export function layerOf<P extends unknown[], O, A extends object>(
  { definition }: TensorFunction<P, O, A>,
  print?: Printer<A>,
): LayerClass<P, O, A> {
  const { signature, apply } = definition;
  return defineLayer<P, O, A>(signature, (layer, x) => apply(x, layer), print);
}
