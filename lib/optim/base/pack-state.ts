import type { Tensor } from '../../tensor/index.ts';
import { type OptimizerState, renamed, type StateGroup, type StateValue, snakeCase } from './state.ts';

/** State and options in PyTorch's layout. */
export function packState(
  groups: readonly StateGroup[],
  state: ReadonlyMap<Tensor, Record<string, StateValue>>,
): OptimizerState {
  const params = groups.flatMap((group) => group.params);
  const packed: OptimizerState = { state: new Map(), param_groups: [] };
  for (const [i, param] of params.entries()) {
    const entry = state.get(param);
    if (entry !== undefined)
      packed.state.set(i, Object.fromEntries(renamed(Object.entries(entry), snakeCase)));
  }
  let first = 0;
  for (const group of groups) {
    const { params: members, ...options } = group;
    const numbers = members.map((_, i) => first + i);
    first += members.length;
    packed.param_groups.push({
      ...Object.fromEntries(renamed(Object.entries(options), snakeCase)),
      params: numbers,
    });
  }
  return packed;
}
