import { WRAPPERS } from '../../state-dict-keys.ts';
import { Tensor } from '../../tensor/index.ts';

/** Why a state dict does not fit. */
export interface Misfit {
  readonly entries: ReadonlyMap<string, unknown>;
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  readonly mismatchedKeys: readonly string[];
  /** Keys that do fit. */
  readonly loaded: readonly string[];
}

/** Says of which network weights are, from their shapes, where more of them fit it than were `loaded`. */
export type NetworkHint = (
  shapes: ReadonlyMap<string, readonly number[]>,
  loaded: readonly string[],
) => string | undefined;

let networkHint: NetworkHint = () => undefined;

/** For the models, which depend on this folder and not the other way round: names the network a file is of. */
export function setNetworkHint(hint: NetworkHint): void {
  networkHint = hint;
}

/**
 * What to do about keys that do not fit: the entry of a training checkpoint that holds the weights, a prefix to
 * strip, a submodule to load into, norms to split, a head to keep, or another network to build.
 */
export function loadHint(misfit: Misfit): string | undefined {
  return (
    wrapperHint(misfit) ??
    prefixHint(misfit) ??
    normsHint(misfit) ??
    headHint(misfit) ??
    networkHint(shapesIn(misfit), misfit.loaded)
  );
}

function shapesIn({ entries }: Misfit): Map<string, readonly number[]> {
  const tensors = [...entries].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
  return new Map(tensors.map(([key, tensor]) => [key, tensor.shape]));
}

function wrapperHint({ entries }: Misfit): string | undefined {
  const wrapper = WRAPPERS.find((name) => {
    const value = entries.get(name);
    return typeof value === 'object' && value !== null && !(value instanceof Tensor);
  });
  return wrapper && `The weights are under "${wrapper}": pass checkpoint.${wrapper}`;
}

function prefixHint({ missingKeys: missing, unexpectedKeys: unexpected }: Misfit): string | undefined {
  const extra = usefulPrefix(unexpected, missing);
  if (extra !== undefined) return `Keys begin with "${extra}": pass { stripPrefix: '${extra}' }`;
  const lacking = usefulPrefix(missing, unexpected);
  return lacking && `Keys lack the prefix "${lacking}": load into getSubmodule('${lacking.slice(0, -1)}')`;
}

/** Weights of a network without IBN: `bn1.weight` where `bn1.IN.weight` and `bn1.BN.weight` are missing. */
function normsHint({ missingKeys, unexpectedKeys, mismatchedKeys }: Misfit): string | undefined {
  const unexpected = new Set(unexpectedKeys);
  // A file with IBN in other places: its plain norms are meant to be.
  if (unexpectedKeys.some((key) => /(^|\.)IN\.(weight|bias)$/.test(key))) return undefined;
  const plain = missingKeys.some((key) => {
    const found = /^(.*\.)?IN\.(weight|bias)$/.exec(key);
    return found !== null && unexpected.has(`${found[1] ?? ''}${found[2]}`);
  });
  const layers = layersOf(mismatchedKeys);
  if (!plain || layers.length > 1) return undefined;
  const head = layers.length === 1 ? `, ignoreMismatched: ['${layers[0]}']` : '';
  return `The file has plain norms where the module has IBN: pass { splitNorms: true${head} }`;
}

/** `fc.` of `fc.weight` and `fc.bias`. */
function layersOf(keys: readonly string[]): string[] {
  return [...new Set(keys.map((key) => key.slice(0, key.lastIndexOf('.') + 1)))];
}

/** One layer of another size and nothing else wrong: another number of classes. */
function headHint({ missingKeys, unexpectedKeys, mismatchedKeys }: Misfit): string | undefined {
  const layers = layersOf(mismatchedKeys);
  const [layer] = layers;
  if (layers.length !== 1 || layer === '' || missingKeys.length + unexpectedKeys.length > 0) return undefined;
  return `Only "${layer}" differs, as with another number of classes: pass { ignoreMismatched: ['${layer}'] } to keep the module's own`;
}

/** The prefix of `long` keys that, taken off, gives the most of the `short` keys; at least half must fit. */
function usefulPrefix(long: readonly string[], short: readonly string[]): string | undefined {
  const wanted = new Set(short);
  const [prefix, count] = bestPrefix(long, wanted);
  return count > 0 && count * 2 >= wanted.size ? prefix : undefined;
}

/** The dotted prefix that, taken off the keys, gives the most of those wanted, and how many. */
export function bestPrefix(
  keys: readonly string[],
  wanted: ReadonlySet<string>,
): [prefix: string, count: number] {
  const counts = new Map<string, number>();
  for (const key of keys) {
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      if (!wanted.has(key.slice(dot + 1))) continue;
      const prefix = key.slice(0, dot + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  return best ?? ['', 0];
}
