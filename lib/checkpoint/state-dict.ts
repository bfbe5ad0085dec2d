import { CheckpointError } from '../errors.ts';
import { isTensor, type Tensor } from '../tensor/index.ts';
import { printable } from './errors.ts';
import { InertGlobal, InertObject } from './inert.ts';
import { attachMetadata, metadataOf } from './metadata.ts';
import { isModule, moduleStateDict } from './module-state.ts';

const WRAPPERS = ['state_dict', 'model', 'model_state_dict', 'net', 'network', 'weights', 'ema'] as const;

/**
 * The state dict in a checkpoint: the checkpoint itself, or what is under `state_dict`, `model`, `model_state_dict`,
 * `net`, `network`, `weights` or `ema`. A whole module, as `torch.save(model)` writes it, gives the one that its
 * `state_dict()` would: parameters and persistent buffers by path, in order, without a line of its code.
 *
 * @throws CheckpointError `ERR_CHECKPOINT_NO_STATE_DICT` when none of these holds tensors only.
 * @example
 * const stateDict = stateDictOf(load('checkpoint.pth'));
 */
export function stateDictOf(checkpoint: unknown): Map<string, Tensor> {
  const candidates = [checkpoint, ...WRAPPERS.map((name) => entryOf(checkpoint, name))];
  for (const candidate of candidates) {
    const stateDict = asStateDict(candidate);
    if (stateDict) return stateDict;
  }
  const places = WRAPPERS.map((name) => `"${name}"`).join(', ');
  const detail = `got ${contentsOf(checkpoint)}`;
  throw new CheckpointError(`Expected a Map or object of tensors, by itself or under ${places}, ${detail}`, {
    code: 'ERR_CHECKPOINT_NO_STATE_DICT',
  });
}

/**
 * A copy of a state dict without `prefix` at the start of its keys, such as DataParallel's `module.`. Keys without it
 * stay as they are, like in torch's `consume_prefix_in_state_dict_if_present`.
 *
 * @throws RangeError when two keys would become one.
 * @example
 * stripPrefix(stateDict, 'module.'); // module.conv1.weight -> conv1.weight
 */
export function stripPrefix<T>(stateDict: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
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
 * commonPrefix(['module.conv1.weight', 'module.bn1.weight']); // 'module.'
 */
export function commonPrefix(keys: Iterable<string>): string {
  const [first, ...others] = keys;
  if (first === undefined || others.length === 0) return '';
  let length = first.length;
  for (const key of others) {
    while (!key.startsWith(first.slice(0, length))) length--;
  }
  return length === 0 ? '' : first.slice(0, first.lastIndexOf('.', length - 1) + 1);
}

function withoutPrefix(key: string, prefix: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

/** Module paths have no dot at their end: `module` is what becomes the root, ``. */
function strippedMetadata(metadata: Map<string, unknown>, prefix: string): Map<string, unknown> {
  return new Map(
    [...metadata].map(([path, entry]) => [withoutPrefix(`${path}.`, prefix).slice(0, -1), entry]),
  );
}

function asStateDict(candidate: unknown): Map<string, Tensor> | undefined {
  if (isModule(candidate)) return moduleStateDict(candidate);
  const entries = entriesOf(candidate);
  const holdsTensors = entries && entries.length > 0 && entries.every(([, value]) => isTensor(value));
  if (!holdsTensors) return undefined;
  const stateDict = new Map(entries as [string, Tensor][]);
  const metadata = candidate instanceof Map ? metadataOf(candidate) : undefined;
  return metadata ? attachMetadata(stateDict, metadata) : stateDict;
}

function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map) return [...value];
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !isTensor(value);
  if (value instanceof InertObject) return value.entries && [...value.entries];
  if (value instanceof InertGlobal) return undefined;
  return isObject ? Object.entries(value) : undefined;
}

function entryOf(value: unknown, name: string): unknown {
  return entriesOf(value)?.find(([key]) => key === name)?.[1];
}

function contentsOf(value: unknown): string {
  const entries = entriesOf(value);
  if (value instanceof InertObject) return `a Python object of ${printable(value.className)}`;
  if (value instanceof InertGlobal) return `the Python name ${printable(value.name)}`;
  if (!entries) return isTensor(value) ? 'a tensor' : Array.isArray(value) ? 'an array' : typeof value;
  const isPlain = (key: unknown) => typeof key === 'string' || typeof key === 'number';
  const keys = entries.slice(0, 5).map(([key]) => (isPlain(key) ? printable(String(key)) : '?'));
  return `the keys ${keys.join(', ')}${entries.length > 5 ? ', ...' : ''}`;
}
