import { checkOptions } from '../../options.ts';
import { type Demand, demanded, FLAG, orNull } from '../checks.ts';

/** Options of an optimizer in PyTorch's order: what stands where nothing is given, and what a value must be. */
export type OptionTable<Options> = {
  readonly [K in keyof Options]-?: readonly [initial: Options[K], demand: Demand];
};

/** Options that choose among Python's implementations. They are kept for Python; nothing here depends on them. */
export interface ForeachOptions {
  /** Kept for Python. Default null. */
  foreach?: boolean | null;
}

/** As {@link ForeachOptions}, for optimizers with a fused implementation. */
export interface FusedOptions extends ForeachOptions {
  /** True takes libtorch's fused op, with its rounding, on the CPU too; other optimizers than SGD and Adam keep it for Python. Default null. */
  fused?: boolean | null;
}

/** Whether Python records its steps. */
export interface DifferentiableOptions {
  /** Only false: steps are not recorded for autograd here. */
  differentiable?: false;
}

/** Whether Python may capture a step in a CUDA graph. */
export interface CapturableOptions {
  /** Kept for Python: the step counter stays on the CPU here. Default false. */
  capturable?: boolean;
}

const UNRECORDED: Demand = {
  what: 'false, since steps are not recorded for autograd,',
  isMet: (value) => value === false,
};

export const FOREACH = [null, orNull(FLAG)] as const;
export const FUSED = [null, orNull(FLAG)] as const;
export const CAPTURABLE = [false, FLAG] as const;
export const DIFFERENTIABLE = [false, UNRECORDED] as const;

/** The options that were given, with the table's initial values for the others. */
export function optionsOf<Options extends object>(
  owner: string,
  given: Partial<Options>,
  table: OptionTable<Options>,
): Required<Options> {
  checkOptions(owner, given, Object.keys(table));
  const full = rows(table).map(([name, initial, demand]) => {
    const { [name]: value = initial } = given as Record<string, unknown>;
    demanded(owner, name, value, demand);
    return [name, Array.isArray(value) ? Object.freeze([...value]) : value];
  });
  return Object.fromEntries(full);
}

/** Throws TypeError or RangeError for the first option that is not as the table wants it. */
export function checkAgainst(owner: string, options: object, table: OptionTable<never> | object): void {
  for (const [name, , demand] of rows(table)) {
    demanded(owner, name, (options as Record<string, unknown>)[name], demand);
  }
}

function rows(table: object): [name: string, initial: unknown, demand: Demand][] {
  return Object.entries(table as Record<string, readonly [unknown, Demand]>).map(
    ([name, [initial, demand]]) => [name, initial, demand],
  );
}
