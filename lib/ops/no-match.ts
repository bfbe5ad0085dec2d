import { describe } from './describe.ts';
import { isOptions, type Spelling } from './match.ts';
import { toCamelCase } from './naming.ts';
import { acceptsArgument, formatSchema, type ParsedSchema, plainType, qualifiedName } from './schema.ts';

/** The error for arguments that no overload takes: for a single candidate it names the argument at fault. */
export function noMatch(name: string, schemas: ParsedSchema[], args: unknown[], spelling: Spelling): Error {
  const usable = schemas.filter((schema) => !schema.overload.includes('out'));
  const candidates = usable.length > 0 ? usable : schemas;
  const only = candidates.length === 1 ? (candidates[0] as ParsedSchema) : undefined;
  const fault = only && findFault(only, args, spelling);
  if (fault) return new TypeError(fault);
  return new TypeError(
    `Expected arguments for ${name} that fit one of its schemas, got ${argumentsText(args)}${listHint(args)}:\n` +
      candidates.map((schema) => `- ${formatSchema(schema)}`).join('\n'),
  );
}

function argumentsText(args: unknown[]): string {
  const last = args[args.length - 1];
  const options = isOptions(last) ? last : undefined;
  const positional = options === undefined ? args : args.slice(0, -1);
  const parts = positional.map(describe);
  if (options) {
    const pairs = Object.entries(options).map(([key, value]) => `${key}: ${describe(value)}`);
    parts.push(`{ ${pairs.join(', ')} }`);
  }
  return `(${parts.join(', ')})`;
}

/** What to write for `x.sum(0, 1)` and `ops.aten.permute(x, 2, 0, 1)`. */
function listHint(args: unknown[]): string {
  const start = args.findIndex((value) => typeof value === 'number');
  const numbers = start < 0 ? [] : args.slice(start);
  if (numbers.length < 2 || !numbers.every((value) => Number.isInteger(value))) return '';
  return `; several dimensions or sizes are one array: [${numbers.join(', ')}]`;
}

/** What is wrong with `args` for the only schema there is. */
function findFault(schema: ParsedSchema, args: unknown[], spelling: Spelling): string | undefined {
  const last = args[args.length - 1];
  const options = isOptions(last) ? last : {};
  const positional = isOptions(last) ? args.slice(0, -1) : args;
  const spell = (text: string) => (spelling === 'camel' ? toCamelCase(text) : text);
  return (
    findUnknown(schema, options, spell) ??
    findSurplus(schema, positional) ??
    findUnfit(schema, positional, options, spell)
  );
}

type Spell = (text: string) => string;

function findUnknown(schema: ParsedSchema, options: object, spell: Spell): string | undefined {
  const names = schema.parsed.map((argument) => spell(argument.name));
  const unknown = Object.keys(options).find((key) => !names.includes(key));
  if (unknown === undefined) return undefined;
  const name = qualifiedName(schema);
  const known = names.slice(1);
  const expected = known.length === 0 ? `no options for ${name}` : `options of ${name} (${known.join(', ')})`;
  return `Expected ${expected}, got "${unknown}"`;
}

function findSurplus(schema: ParsedSchema, positional: unknown[]): string | undefined {
  if (positional.length <= schema.positional) return undefined;
  const count = `${positional.length}${listHint(positional)}`;
  return `Expected at most ${schema.positional} arguments for ${qualifiedName(schema)}, got ${count}`;
}

function findUnfit(
  schema: ParsedSchema,
  positional: unknown[],
  options: Record<string, unknown>,
  spell: Spell,
): string | undefined {
  const name = qualifiedName(schema);
  for (const [index, argument] of schema.parsed.entries()) {
    const value = index < positional.length ? positional[index] : options[spell(argument.name)];
    if (value === undefined && argument.hasDefault) continue;
    const type = plainType(argument.type);
    if (value === undefined) return `Expected ${name} argument "${argument.name}" (${type}), got nothing`;
    if (!acceptsArgument(argument, value))
      return `Expected ${article(type)} for ${name} argument "${argument.name}", got ${describe(value)}`;
  }
  return undefined;
}

function article(type: string): string {
  return `${/^[aeiou]/i.test(type) ? 'an' : 'a'} ${type}`;
}
