import type { Tensor } from '../../tensor/index.ts';

/** What an optimizer remembers about a parameter. */
export type StateValue = Tensor | number | boolean | null | undefined | readonly StateValue[];

/** What the entries of an optimizer's state are, so that a saved state can be checked and put in its place. */
export interface StateLayout {
  /** PyTorch's names, such as `momentum_buffer`. */
  readonly names: readonly string[];
  /**
   * How steps are counted: a tensor on the CPU or on the parameter's device, or a number. A saved `step` becomes that.
   * Default `cpu`.
   */
  readonly step?: 'cpu' | 'device' | 'number';
  /** The shape of an entry; undefined where any will do. Default: the parameter's, for all but 0-dim tensors. */
  readonly shapeOf?: (name: string, param: Tensor) => readonly number[] | undefined;
}

/** PyTorch's layout: state by parameter number, and groups that list those numbers. */
export interface OptimizerState {
  state: Map<number, Record<string, StateValue>>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
}

/** What state is kept for. */
export interface StateGroup {
  params: Tensor[];
}

export const snakeCase = (name: string): string =>
  name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
export const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export function renamed<T>(
  record: Iterable<readonly [string, T]>,
  rename: (name: string) => string,
): [string, T][] {
  return [...record].map(([key, value]) => [rename(key), value]);
}
