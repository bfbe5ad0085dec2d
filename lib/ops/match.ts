import { toCamelCase } from './naming.ts';
import { acceptsArgument, type ParsedSchema } from './schema.ts';

/** How keyword arguments are spelled: torch's way, or camelCase for methods. */
export type Spelling = 'torch' | 'camel';

/** A plain object in the last place holds keyword arguments: no schema type is a plain object. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Places the options of the last argument among `args`; undefined when they do not fit the schema. */
function orderOptions(
  schema: ParsedSchema,
  args: unknown[],
  options: Record<string, unknown>,
  spelling: Spelling,
): unknown[] | undefined {
  const ordered: unknown[] = args.slice(0, -1);
  const given = ordered.length;
  if (given > schema.positional) return undefined;
  for (const key of Object.keys(options)) {
    if (options[key] === undefined) continue;
    const index = schema.parsed.findIndex(
      ({ name }) => (spelling === 'camel' ? toCamelCase(name) : name) === key,
    );
    if (index < given) return undefined;
    while (ordered.length <= index) ordered.push(undefined);
    ordered[index] = options[key];
  }
  return ordered;
}

/** `args` in schema order, or undefined when they do not fit the schema. */
export function match(schema: ParsedSchema, args: unknown[], spelling: Spelling): unknown[] | undefined {
  const last = args[args.length - 1];
  const ordered = isOptions(last) ? orderOptions(schema, args, last, spelling) : args;
  if (ordered === undefined || (ordered === args && args.length > schema.positional)) return undefined;
  for (let i = 0; i < schema.parsed.length; i++) {
    const argument = schema.parsed[i] as ParsedSchema['parsed'][number];
    const value = ordered[i];
    if (value === undefined ? !argument.hasDefault : !acceptsArgument(argument, value)) return undefined;
  }
  return ordered;
}
