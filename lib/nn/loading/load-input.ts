import { withoutPrefix } from '../../state-dict-keys.ts';
import { Tensor } from '../../tensor/index.ts';
import type { Module } from '../module/module.ts';
import { bestPrefix } from './load-hint.ts';
import type { StateDict } from './state-dict.ts';

/** Anything `loadStateDict` reads: `stateDict()`'s Map, or what `load()` returns. */
export type StateDictLike = StateDict | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** A state dict as it is loaded: without the prefix, with the version of each module's entries. */
export interface LoadInput {
  readonly entries: Map<string, unknown>;
  readonly versions: ReadonlyMap<string, number>;
  readonly prefix: string;
}

/** Reads entries and versions; `'auto'` finds the prefix that makes most keys fit the module. */
export function readInput(module: Module, state: StateDictLike, stripPrefix: string): LoadInput {
  if (typeof state !== 'object' || state === null || state instanceof Tensor || Array.isArray(state)) {
    throw new TypeError(`Expected a Map or object of tensors for loadStateDict, got ${kindOf(state)}`);
  }
  const pairs: [string, unknown][] =
    state instanceof Map ? [...state] : Object.entries(state).filter(([key]) => key !== '_metadata');
  const prefix = stripPrefix === 'auto' ? detectPrefix(module, pairs) : stripPrefix;
  return { prefix, entries: strippedEntries(pairs, prefix), versions: readVersions(state, prefix) };
}

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return `a value of class ${value.constructor?.name ?? 'null'}`;
}

function detectPrefix(module: Module, pairs: readonly [string, unknown][]): string {
  const wanted = keysOf(module);
  const keys = pairs.map(([key]) => key);
  const fitting = keys.filter((key) => wanted.has(key)).length;
  const [prefix, count] = bestPrefix(keys, wanted);
  return count > fitting ? prefix : '';
}

/** Every key of the module, without making tensors. */
function keysOf(module: Module): Set<string> {
  const keys = new Set<string>();
  const visit = (owner: Module, prefix: string): void => {
    for (const [name] of owner.ownParameters()) keys.add(prefix + name);
    for (const [name] of owner.ownBuffers({ persistentOnly: true })) keys.add(prefix + name);
    for (const [name, child] of owner.namedChildren()) visit(child, `${prefix}${name}.`);
  };
  visit(module, '');
  return keys;
}

function strippedEntries(pairs: readonly [string, unknown][], prefix: string): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const [key, value] of pairs) {
    const name = withoutPrefix(key, prefix);
    if (entries.has(name)) {
      throw new RangeError(`Expected distinct keys after stripPrefix "${prefix}", got "${name}" twice`);
    }
    entries.set(name, value);
  }
  return entries;
}

/** PyTorch keeps the versions beside the keys, in an attribute of the OrderedDict. */
function readVersions(state: StateDictLike, stripPrefix: string): Map<string, number> {
  const metadata = (state as { _metadata?: unknown })._metadata;
  const versions = new Map<string, number>();
  if (typeof metadata !== 'object' || metadata === null) return versions;
  for (const [path, entry] of metadata instanceof Map ? metadata : Object.entries(metadata)) {
    const version = entry instanceof Map ? entry.get('version') : entry?.version;
    if (typeof version !== 'number') continue;
    versions.set(withoutPrefix(`${path}.`, stripPrefix).slice(0, -1), version);
  }
  return versions;
}
