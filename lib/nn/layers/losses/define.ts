import { checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { Module } from '../../module/module.ts';
import { reductionCode } from '../../sizes.ts';

/** A loss as a module: its options are properties, which may be changed, except tensors, which are buffers. */
export type LossModule<I extends readonly unknown[], O extends object> = Module &
  Required<Omit<O, 'posWeight'>> & { forward(...inputs: I): Tensor };

/** What the class of a loss extends. */
export type LossClass<I extends readonly unknown[], O extends object> = new (options?: O) => LossModule<I, O>;

/** What tells one loss from another. */
interface LossKind<I extends readonly unknown[], O extends object> {
  /** Its function in `nn.functional`. */
  compute(...args: [...I, O]): Tensor;
  /** Every option with its default. */
  defaults: Required<O>;
  /** Refuses options that the function would refuse in every forward. */
  check?(options: Required<O>): void;
}

/** Options that are buffers, by their keys in state dicts. */
const BUFFERS: Readonly<Record<string, string>> = { weight: 'weight', posWeight: 'pos_weight' };

const keyOf = (option: string): string => BUFFERS[option] ?? option;

/** The common part: every loss is one function and its options. */
abstract class LossBase extends Module {
  forward(...inputs: unknown[]): Tensor {
    const { kind } = this.constructor as unknown as { kind: LossKind<unknown[], Record<string, unknown>> };
    const options: Record<string, unknown> = {};
    for (const option of Object.keys(kind.defaults)) options[option] = Reflect.get(this, keyOf(option));
    return kind.compute(...inputs, options);
  }
}

/** The base of a loss's class, which has the options of its function. */
export function lossClass<I extends readonly unknown[], O extends object>(
  kind: LossKind<I, O>,
): LossClass<I, O> {
  const known = Object.keys(kind.defaults);
  class Made extends LossBase {
    static readonly kind = kind;

    constructor(options: O = {} as O) {
      const { name } = new.target;
      checkPositions(name, arguments, 1);
      super();
      checkOptions(name, options, known);
      this.#setAll(withDefaults(name, kind, options));
    }

    #setAll(options: Required<O>): void {
      for (const [option, value] of Object.entries(options)) {
        if (option in BUFFERS) this.registerBuffer(keyOf(option), value as Tensor | null);
        else Reflect.set(this, option, value);
      }
    }
  }
  return Made as unknown as LossClass<I, O>;
}

function withDefaults<I extends readonly unknown[], O extends object>(
  name: string,
  { defaults, check }: LossKind<I, O>,
  options: O,
): Required<O> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const all = { ...defaults, ...Object.fromEntries(given) };
  const { reduction } = all as { reduction?: 'mean' };
  if (reduction !== undefined && (reduction as string) !== 'batchmean') reductionCode(name, reduction);
  check?.(all);
  return all;
}
