/** Whether a value is a namespace of exports, such as `nn.functional`. */
const isSpace = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === '[object Module]';

/** Functions and classes of a namespace and of those in it, by their full names; each once. */
export function exportsOf(
  space: Record<string, unknown>,
  prefix: string,
  seen = new Set<unknown>(),
): string[] {
  const names: string[] = [];
  for (const [name, value] of Object.entries(space)) {
    if (seen.has(value)) continue;
    if (typeof value === 'function') names.push(prefix + name);
    else if (isSpace(value)) names.push(...exportsOf(value, `${prefix}${name}.`, seen.add(value)));
  }
  return names;
}
