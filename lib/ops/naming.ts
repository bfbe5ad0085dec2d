/**
 * torch's `index_select` as a TypeScript name, `indexSelect`. Leading underscores and the trailing one of
 * in-place ops stay; dunder names stay whole. Each name of a libtorch has a distinct image, so `toTorchName`
 * undoes it given the table of names.
 *
 * @example toCamelCase('index_select'); // 'indexSelect'
 * @example toCamelCase('add_'); // 'add_'
 */
export function toCamelCase(name: string): string {
  if (name.startsWith('__')) return name;
  return name.replace(/(?<=[a-zA-Z0-9])_([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The torch name behind a TypeScript name, from the names that exist.
 *
 * @example toTorchName('indexSelect', ['index_select']); // 'index_select'
 */
export function toTorchName(name: string, torchNames: Iterable<string>): string | undefined {
  for (const candidate of torchNames) if (toCamelCase(candidate) === name) return candidate;
  return undefined;
}
