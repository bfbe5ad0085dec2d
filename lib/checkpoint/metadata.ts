/**
 * What PyTorch keeps in the `_metadata` attribute of a state dict: the version of each module's entries, by module
 * path. Undefined for state dicts without it.
 *
 * @example
 * metadataOf(load('resnet50.pth'))?.get('bn1'); // { version: 2 }
 */
export function metadataOf(stateDict: ReadonlyMap<unknown, unknown>): Map<string, unknown> | undefined {
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
