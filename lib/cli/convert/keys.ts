/** How `convert` names the keys of the file it writes. */
export interface KeyOptions {
  /** Taken off the front of every key that has it; `'auto'` is the longest dotted prefix of all. */
  stripPrefix?: string | undefined;
  /** `OLD=NEW`, for a key or the dotted front of keys; or `/PATTERN/=NEW`, a regular expression with `$1`. */
  rename?: readonly string[] | undefined;
  /** Put before every key, after all else. */
  addPrefix?: string | undefined;
}

type Rename = (key: string) => string;

/**
 * The new name of each key, in order.
 *
 * @throws RangeError for an option that fits no key, or where two keys would become one.
 */
export function renamedKeys(
  keys: readonly string[],
  options: KeyOptions,
  common: string,
): Map<string, string> {
  const prefix = options.stripPrefix === 'auto' ? common : (options.stripPrefix ?? '');
  const steps: [option: string, rename: Rename][] = [];
  if (prefix !== '') steps.push([`--strip-prefix ${prefix}`, (key) => without(key, prefix)]);
  for (const text of options.rename ?? []) steps.push([`--rename ${text}`, renameOf(text)]);
  const names = steps.reduce((current, step) => applied(current, step), [...keys]);
  const added = names.map((name) => (options.addPrefix ?? '') + name);
  checkDistinct(added);
  return new Map(keys.map((key, index) => [key, added[index] as string]));
}

function applied(names: readonly string[], [option, rename]: [string, Rename]): string[] {
  const renamed = names.map(rename);
  if (renamed.some((name, index) => name !== names[index])) return renamed;
  throw new RangeError(`Expected a key that ${option} changes, got none, such as "${names[0]}"`);
}

function without(key: string, prefix: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

function renameOf(text: string): Rename {
  const pattern = /^\/(.*)\/=(.*)$/s.exec(text);
  if (pattern) {
    const expression = new RegExp(pattern[1] as string);
    return (key) => key.replace(expression, pattern[2] as string);
  }
  const at = text.indexOf('=');
  if (at <= 0) throw new RangeError(`Expected OLD=NEW or /PATTERN/=NEW for --rename, got "${text}"`);
  const [old, fresh] = [text.slice(0, at), text.slice(at + 1)];
  return (key) => {
    if (key === old) return fresh;
    if (!key.startsWith(old.endsWith('.') ? old : `${old}.`)) return key;
    return (fresh + key.slice(old.length)).replace(/^\./, '');
  };
}

function checkDistinct(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === '') throw new RangeError('Expected keys after renaming, got an empty one');
    if (seen.has(name)) throw new RangeError(`Expected distinct keys after renaming, got "${name}" twice`);
    seen.add(name);
  }
}
