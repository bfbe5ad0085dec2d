import { checkPositions, describeValue } from '../options.ts';

function checkStateDict(owner: string, stateDict: unknown): void {
  if (typeof stateDict === 'object' && stateDict !== null && !Array.isArray(stateDict)) return;
  throw new TypeError(`Expected a state dict for ${owner}, got ${describeValue(stateDict)}`);
}

/**
 * What PyTorch keeps in the `_metadata` attribute of a state dict: the version of each module's entries, by module
 * path. Undefined for state dicts without it.
 *
 * @example
 * checkpoint.metadataOf(load('resnet50_ibn_a.pth'))?.get('bn1'); // { version: 2 }
 */
export function metadataOf(stateDict: ReadonlyMap<unknown, unknown>): Map<string, unknown> | undefined {
  checkPositions('metadataOf', arguments, 1);
  checkStateDict('metadataOf', stateDict);
  const metadata = (stateDict as { _metadata?: unknown })._metadata;
  return metadata instanceof Map ? metadata : undefined;
}

/** Attaches `_metadata` to a state dict, as PyTorch does; it does not show up among the entries. */
export function attachMetadata<T extends Map<unknown, unknown>>(stateDict: T, metadata: unknown): T {
  return Object.defineProperty(stateDict, '_metadata', {
    value: metadata,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

const texts = new WeakMap<object, Readonly<Record<string, string>>>();

/**
 * The texts that a safetensors file carries beside its tensors (`__metadata__`), such as `format: 'pt'`. Undefined
 * for state dicts from files without them.
 *
 * @example
 * checkpoint.textsOf(load('resnet50.safetensors')); // { format: 'pt' }
 */
export function textsOf(
  stateDict: ReadonlyMap<unknown, unknown>,
): Readonly<Record<string, string>> | undefined {
  checkPositions('textsOf', arguments, 1);
  checkStateDict('textsOf', stateDict);
  return texts.get(stateDict);
}

/** Remembers the texts of a file's `__metadata__` for the state dict read from it. */
export function attachTexts<T extends object>(stateDict: T, metadata: ReadonlyMap<string, string>): T {
  const entries: Record<string, string> = Object.create(null);
  for (const [key, text] of metadata) entries[key] = text;
  texts.set(stateDict, Object.freeze(entries));
  return stateDict;
}

const dicts = new WeakSet<object>();

/** Remembers that a Map was a dict in the file, so that it is written as one again. */
export function markDict<T extends object>(map: T): T {
  dicts.add(map);
  return map;
}

/** Whether a Map was a dict in the file that it was read from. */
export function wasDict(map: object): boolean {
  return dicts.has(map);
}
