import type { Tensor } from '../../../tensor/index.ts';
import type { Call } from '../../arguments.ts';
import type { LossSignature, LossValues } from '../../functional/losses/arguments.ts';
import { Module } from '../../module/module.ts';

/** A loss as a module: its options are properties, which may be changed, except tensors, which are buffers. */
export type LossModule<I extends readonly unknown[], O extends object> = Module &
  Omit<LossValues<O>, 'posWeight'> & { forward(...inputs: I): Tensor };

/** What the class of a loss extends. */
export type LossClass<I extends readonly unknown[], P extends unknown[], O extends object> = new (
  ...given: Call<P, O>
) => LossModule<I, O>;

/** What tells one loss from another. */
interface LossKind<I extends readonly unknown[], O extends object> {
  /** Its function in `nn.functional`. */
  compute(...args: [...I, O]): Tensor;
  signature: LossSignature<O>;
  /** Refuses arguments that the function would refuse in every forward. */
  check?(values: LossValues<O>): void;
}

/** Arguments that are buffers, by their keys in state dicts. */
const BUFFERS: Readonly<Record<string, string>> = { weight: 'weight', posWeight: 'pos_weight' };

const keyOf = (name: string): string => BUFFERS[name] ?? name;

/** The common part: every loss is one function and its arguments. */
abstract class LossBase extends Module {
  forward(...inputs: unknown[]): Tensor {
    const { kind } = this.constructor as unknown as { kind: LossKind<unknown[], Record<string, unknown>> };
    const options = Object.fromEntries(
      kind.signature.names.map((name) => [name, Reflect.get(this, keyOf(name))]),
    );
    return kind.compute(...inputs, options);
  }
}

/** The base of a loss's class, which takes what its function takes behind the inputs. */
export function lossClass<I extends readonly unknown[], P extends unknown[], O extends object>(
  kind: LossKind<I, O>,
): LossClass<I, P, O> {
  class Made extends LossBase {
    static readonly kind = kind;

    constructor(...given: unknown[]) {
      super();
      const values = kind.signature.read(new.target.name, given);
      kind.check?.(values);
      for (const [name, value] of Object.entries(values)) {
        if (name in BUFFERS) this.registerBuffer(keyOf(name), value as Tensor | null);
        else Reflect.set(this, name, value);
      }
    }
  }
  return Made as unknown as LossClass<I, P, O>;
}
