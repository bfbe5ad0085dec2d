import type { Tensor } from '../../../tensor/index.ts';
import { type Argument, type Arguments, argument, optional, Signature } from '../../arguments.ts';
import { type Reduction, reductionCode } from '../../sizes.ts';

/** How losses were reduced before `reduction`; they still have their places in torch's order. */
export interface LegacyReduction {
  /** @deprecated As in torch: false is `reduction: 'sum'`. */
  sizeAverage?: boolean | null;
  /** @deprecated As in torch: false is `reduction: 'none'`. */
  reduce?: boolean | null;
}

/** What losses take in order: what torch reduced by, and what it reduces by. */
export type LossPositions = [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction];

/** The same behind a factor for each element, sample or class. */
export type WeightedLossPositions = [weight?: Tensor | null, ...LossPositions];

/** The arguments of a loss with their values. */
export type LossValues<O> = Required<Omit<O, keyof LegacyReduction>>;

/** How a loss is reduced. */
export function reductions(): Argument<Reduction>;
export function reductions<T extends string>(other: T): Argument<Reduction | T>;
export function reductions(other?: string): Argument<string> {
  return {
    fallback: 'mean',
    byName: false,
    read(owner, _name, value) {
      if (other === undefined || value !== other) reductionCode(owner, value as Reduction);
      return value as string;
    },
    print: (value) => `'${value}'`,
  };
}

/** An old switch in its place. */
export function legacy(): Argument<boolean | null> {
  const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
  return optional(argument<boolean>(undefined, 'a boolean or null', isBoolean, () => true, String));
}

const warned = new Set<string>();

/** The reduction that the old switches name. */
function legacyReduction(owner: string, sizeAverage: boolean | null, reduce: boolean | null): Reduction {
  const reduction = reduce === false ? 'none' : sizeAverage === false ? 'sum' : 'mean';
  if (!warned.has(owner)) {
    const text = `${owner}: sizeAverage and reduce are deprecated; pass { reduction: '${reduction}' }`;
    process.emitWarning(text, { code: 'IBN_LOSS_SIZE_AVERAGE' });
  }
  warned.add(owner);
  return reduction;
}

/** The arguments of one loss, in torch's order. */
export class LossSignature<O extends object> {
  /** Their names, without the old switches. */
  readonly names: readonly string[];
  readonly #signature: Signature<Required<O>>;

  constructor(list: Arguments<Required<O>>, positions?: readonly (keyof O & string)[]) {
    this.#signature = new Signature<Required<O>>(list, positions);
    this.names = Object.keys(list).filter((name) => name !== 'sizeAverage' && name !== 'reduce');
  }

  /** Every argument with its value; the old switches go into `reduction`. */
  read(owner: string, given: ArrayLike<unknown>): LossValues<O> {
    const all: LegacyReduction = this.#signature.read(owner, given);
    const { sizeAverage = null, reduce = null, ...values } = all;
    if (sizeAverage === null && reduce === null) return values as LossValues<O>;
    return { ...values, reduction: legacyReduction(owner, sizeAverage, reduce) } as unknown as LossValues<O>;
  }
}
