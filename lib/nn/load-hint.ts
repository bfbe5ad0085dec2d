import { Tensor } from '../tensor/index.ts';

/** Names under which training scripts put the weights. */
const WRAPPERS = ['state_dict', 'model', 'net', 'model_state_dict', 'weights'];

/**
 * What to do about keys that do not fit: a prefix to strip, a submodule to load into, or the entry of a training
 * checkpoint that holds the weights.
 */
export function loadHint(
  entries: ReadonlyMap<string, unknown>,
  missing: readonly string[],
  unexpected: readonly string[],
): string | undefined {
  const wrapper = WRAPPERS.find((name) => {
    const value = entries.get(name);
    return typeof value === 'object' && value !== null && !(value instanceof Tensor);
  });
  if (wrapper !== undefined) return `The weights are under "${wrapper}": pass checkpoint.${wrapper}`;
  const extra = commonPrefix(unexpected, missing);
  if (extra !== undefined) return `Keys begin with "${extra}": pass { stripPrefix: '${extra}' }`;
  const lacking = commonPrefix(missing, unexpected);
  if (lacking === undefined) return undefined;
  return `Keys lack the prefix "${lacking}": load into getSubmodule('${lacking.slice(0, -1)}')`;
}

/** The prefix of `long` keys that, taken off, gives the most of the `short` keys; at least half must fit. */
function commonPrefix(long: readonly string[], short: readonly string[]): string | undefined {
  const wanted = new Set(short);
  const counts = new Map<string, number>();
  for (const key of long) {
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      if (!wanted.has(key.slice(dot + 1))) continue;
      const prefix = key.slice(0, dot + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  return best !== undefined && best[1] * 2 >= wanted.size ? best[0] : undefined;
}
