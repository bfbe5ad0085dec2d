/**
 * Whether an object can have the entries of a dict in their order: JavaScript puts keys that look like integers before
 * all others, so that their place would be lost.
 */
export function hasNamesOnly(entries: ReadonlyMap<unknown, unknown>): boolean {
  for (const key of entries.keys()) {
    if (typeof key !== 'string' || isIndex(key)) return false;
  }
  return true;
}

function isIndex(key: string): boolean {
  return /^(0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}
