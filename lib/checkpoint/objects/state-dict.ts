import { CheckpointError } from '../../errors.ts';
import {
  checkFlags,
  checkIterable,
  checkOptions,
  checkPositions,
  checkText,
  checkTexts,
  describeValue,
} from '../../options.ts';
import { WRAPPERS, withoutPrefix } from '../../state-dict-keys.ts';
import type { Tensor } from '../../tensor/index.ts';
import { printable } from '../errors.ts';
import { InertGlobal, InertObject } from '../inert.ts';
import { attachMetadata, metadataOf } from '../metadata.ts';
import { isTensorLike } from '../storage/planned-backend.ts';
import { isModule, moduleStateDict } from './module-state.ts';

const DEEPEST = 4;

/** How `stateDictOf` takes what is no tensor. */
export interface StateDictOptions {
  /** Refuse a state dict with entries that are no tensors. Default true; false leaves them out. */
  strict?: boolean;
}

/** A state dict in a checkpoint, as it stands there: entries that are no tensors included. */
export interface FoundStateDict {
  /** The names under which it lies, such as `['state_dict']`; empty for the checkpoint itself. */
  readonly path: readonly string[];
  readonly entries: Map<string, unknown>;
}

/**
 * The state dict in a checkpoint: the checkpoint itself, or what is under `state_dict`, `model`, `model_state_dict`,
 * `net`, `network`, `weights` or `ema`, also one under the other. A whole module, as `torch.save(model)` writes it, gives
 * the one that its `state_dict()` would: parameters and persistent buffers by path, in order, without a line of its code.
 *
 * @param options `strict` (default true) refuses entries that are no tensors, false leaves them out.
 * @throws CheckpointError `ERR_CHECKPOINT_NO_STATE_DICT` when there is none, or with strict when it holds anything but
 * tensors, naming the entry.
 * @example
 * const stateDict = checkpoint.stateDictOf(load('model_best.pth.tar'));
 */
export function stateDictOf(checkpoint: unknown, options: StateDictOptions = {}): Map<string, Tensor> {
  checkPositions('stateDictOf', arguments, 2);
  checkOptions('stateDictOf', options, ['strict']);
  checkFlags('stateDictOf', { strict: options.strict });
  const { entries } = findStateDict(checkpoint);
  const others = [...entries].filter(([, value]) => !isTensorLike(value));
  if (others.length > 0 && options.strict !== false) throw notOnlyTensors(others);
  for (const [key] of others) entries.delete(key);
  return entries as Map<string, Tensor>;
}

/** Where the state dict of a checkpoint is: one of tensors only, else the first of mostly tensors. */
export function findStateDict(checkpoint: unknown): FoundStateDict {
  const candidates = candidatesIn(checkpoint);
  for (const isWanted of [holdsOnlyTensors, holdsMostlyTensors]) {
    const found = candidates.find(({ value }) => isModule(value) || isWanted(value));
    if (found) return { path: found.path, entries: stateEntries(found.value) };
  }
  throw noStateDict(checkpoint);
}

interface Candidate {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** The checkpoint and what is under the wrappers' names, the outer before the inner. */
function candidatesIn(checkpoint: unknown): Candidate[] {
  const found: Candidate[] = [{ path: [], value: checkpoint }];
  for (const { path, value } of found) {
    if (path.length === DEEPEST) continue;
    for (const name of WRAPPERS) {
      const inner = entryOf(value, name);
      if (typeof inner === 'object' && inner !== null && !isTensorLike(inner))
        found.push({ path: [...path, name], value: inner });
    }
  }
  return found;
}

function holdsOnlyTensors(value: unknown): boolean {
  const entries = entriesOf(value) ?? [];
  return entries.length > 0 && entries.every(([, entry]) => isTensorLike(entry));
}

function holdsMostlyTensors(value: unknown): boolean {
  const entries = entriesOf(value) ?? [];
  const count = entries.filter(([, entry]) => isTensorLike(entry)).length;
  return count > 0 && count * 2 >= entries.length;
}

function stateEntries(value: unknown): Map<string, unknown> {
  if (isModule(value)) return moduleStateDict(value);
  const entries = new Map(entriesOf(value) as [string, unknown][]);
  const metadata = value instanceof Map ? metadataOf(value) : undefined;
  return metadata ? attachMetadata(entries, metadata) : entries;
}

function notOnlyTensors(others: readonly [string, unknown][]): CheckpointError {
  const [key, value] = others[0] as [string, unknown];
  const more = others.length > 1 ? ` (+${others.length - 1})` : '';
  return new CheckpointError(
    `Expected tensors only in the state dict, got ${kindOf(value)} at "${printable(String(key))}"${more}; pass ` +
      '{ strict: false } to leave it out',
    { code: 'ERR_CHECKPOINT_NO_STATE_DICT', key: String(key) },
  );
}

function noStateDict(checkpoint: unknown): CheckpointError {
  const places = WRAPPERS.map((name) => `"${name}"`).join(', ');
  return new CheckpointError(
    `Expected a Map or object of tensors, by itself or under ${places}, got ${contentsOf(checkpoint)}`,
    { code: 'ERR_CHECKPOINT_NO_STATE_DICT' },
  );
}

/**
 * A copy of a state dict without `prefix` at the start of its keys, such as DataParallel's `module.`. Keys without it
 * stay as they are, like in torch's `consume_prefix_in_state_dict_if_present`.
 *
 * @throws RangeError when two keys would become one.
 * @example
 * checkpoint.stripPrefix(stateDict, 'module.'); // module.conv1.weight -> conv1.weight
 */
export function stripPrefix<T>(stateDict: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  checkPositions('stripPrefix', arguments, 2);
  if (!(stateDict instanceof Map))
    throw new TypeError(
      `Expected a Map for stripPrefix argument "stateDict", got ${describeValue(stateDict)}`,
    );
  checkText('stripPrefix', 'a prefix', prefix);
  const stripped = new Map<string, T>();
  for (const [key, value] of stateDict) {
    const name = withoutPrefix(key, prefix);
    if (stripped.has(name)) {
      throw new RangeError(`Expected distinct keys without "${prefix}" for stripPrefix, got "${name}" twice`);
    }
    stripped.set(name, value);
  }
  const metadata = metadataOf(stateDict);
  return metadata ? attachMetadata(stripped, strippedMetadata(metadata, prefix)) : stripped;
}

/**
 * The longest dotted prefix that all keys begin with, such as `module.`, or an empty string.
 *
 * @example
 * checkpoint.commonPrefix(['module.conv1.weight', 'module.bn1.weight']); // 'module.'
 */
export function commonPrefix(keys: Iterable<string>): string {
  checkPositions('commonPrefix', arguments, 1);
  checkIterable('commonPrefix', 'a list of keys', keys);
  const all = [...keys];
  checkTexts('commonPrefix', 'keys', all);
  const [first, ...others] = all;
  if (first === undefined || others.length === 0) return '';
  let length = first.length;
  for (const key of others) {
    while (!key.startsWith(first.slice(0, length))) length--;
  }
  return length === 0 ? '' : first.slice(0, first.lastIndexOf('.', length - 1) + 1);
}

/** Module paths have no dot at their end: `module` is what becomes the root, ``. */
function strippedMetadata(metadata: Map<string, unknown>, prefix: string): Map<string, unknown> {
  return new Map(
    [...metadata].map(([path, entry]) => [withoutPrefix(`${path}.`, prefix).slice(0, -1), entry]),
  );
}

function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map) return [...value];
  const isObject =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !isTensorLike(value);
  if (value instanceof InertObject) return value.entries && [...value.entries];
  if (value instanceof InertGlobal) return undefined;
  return isObject ? Object.entries(value) : undefined;
}

function entryOf(value: unknown, name: string): unknown {
  return entriesOf(value)?.find(([key]) => key === name)?.[1];
}

function contentsOf(value: unknown): string {
  const entries = entriesOf(value);
  if (!entries) return kindOf(value);
  const isPlain = (key: unknown) => typeof key === 'string' || typeof key === 'number';
  const keys = entries.slice(0, 5).map(([key]) => (isPlain(key) ? printable(String(key)) : '?'));
  return `the keys ${keys.join(', ')}${entries.length > 5 ? ', ...' : ''}`;
}

function kindOf(value: unknown): string {
  if (value instanceof InertObject) return `a Python object of ${printable(value.className)}`;
  if (value instanceof InertGlobal) return `the Python name ${printable(value.name)}`;
  if (isTensorLike(value)) return 'a tensor';
  if (Array.isArray(value)) return 'an array';
  return value === null ? 'null' : value instanceof Map ? 'a Map' : typeof value;
}
