import type { OpSchema, SchemaArgument } from '../binding.ts';
import { Complex } from './complex.ts';
import { isNative, isTensorObject } from './handle.ts';

/** The kind of a schema type, without Optional: what a JavaScript value must be. */
export type TypeKind = 'Tensor' | 'int' | 'float' | 'bool' | 'Scalar' | 'str' | 'list' | 'native' | 'any';

/** A parsed schema type. */
export interface TypeShape {
  kind: TypeKind;
  optional: boolean;
  /** The element, for lists. */
  element: TypeShape | undefined;
  /** The N of `int[N]`. */
  size: number | undefined;
  text: string;
}

const NAMED: Record<string, TypeKind> = {
  Tensor: 'Tensor',
  int: 'int',
  SymInt: 'int',
  float: 'float',
  SymFloat: 'float',
  bool: 'bool',
  SymBool: 'bool',
  Scalar: 'Scalar',
  number: 'Scalar',
  str: 'str',
  Device: 'str',
  ScalarType: 'str',
  Layout: 'str',
  MemoryFormat: 'str',
  QScheme: 'str',
  Any: 'any',
};

/**
 * Parses a schema's type text.
 *
 * @example parseType('int[]?', 2); // { kind: 'list', optional: true, element: int, size: 2 }
 */
export function parseType(text: string, size?: number): TypeShape {
  if (text.endsWith('?')) return { ...parseType(text.slice(0, -1), size), optional: true, text };
  if (text.endsWith('[]')) {
    return { kind: 'list', optional: false, element: parseType(text.slice(0, -2)), size, text };
  }
  return { kind: NAMED[text] ?? 'native', optional: false, element: undefined, size: undefined, text };
}

/** An argument, parsed once. */
export interface Argument extends SchemaArgument {
  shape: TypeShape;
}

/** A schema, parsed once: positional arguments first, as every schema has them. */
export interface ParsedSchema extends OpSchema {
  parsed: Argument[];
  /** Arguments that may be given by position. */
  positional: number;
  /** Positional arguments that have no default. */
  required: number;
  returnShapes: TypeShape[];
}

export function parseSchema(schema: OpSchema): ParsedSchema {
  const parsed = schema.arguments.map((argument) => ({
    ...argument,
    shape: parseType(argument.type, argument.size),
  }));
  const positional = parsed.filter((argument) => !argument.kwargOnly).length;
  const required = parsed.filter((argument) => !argument.kwargOnly && !argument.hasDefault).length;
  const returnShapes = schema.returns.map((result) => parseType(result.type));
  return { ...schema, parsed, positional, required, returnShapes };
}

function isScalar(value: unknown): boolean {
  return (
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean' ||
    value instanceof Complex
  );
}

/** Whether `value` may be this argument: also a number for a tensor, where Python takes one. */
export function acceptsArgument({ shape, takesNumber }: Argument, value: unknown): boolean {
  return accepts(shape, value) || (takesNumber === true && isScalar(value));
}

/** Whether `value` may be an argument of type `shape`. Errors inside a list are left to the native converter. */
export function accepts(shape: TypeShape, value: unknown): boolean {
  if (value === undefined || value === null) return shape.optional || shape.kind === 'any';
  switch (shape.kind) {
    case 'Tensor':
      return typeof value === 'object' && isTensorObject(value);
    case 'native':
      return typeof value === 'object' && isNative(value) && !isTensorObject(value);
    case 'int':
      return Number.isInteger(value) || typeof value === 'bigint';
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'Scalar':
      return isScalar(value);
    case 'str':
      return typeof value === 'string';
    case 'list':
      return acceptsList(shape, value);
    default:
      return true;
  }
}

function acceptsList(shape: TypeShape, value: unknown): boolean {
  const element = shape.element as TypeShape;
  if (Array.isArray(value)) return value.length === 0 || accepts(element, value[0]);
  return shape.size !== undefined && accepts(element, value);
}

/** `SymInt[]` is an `int[]` for who calls. */
export function plainType(type: string): string {
  return type.replace(/Sym(Int|Float|Bool)/, (_, name: string) => name.toLowerCase());
}

/** The schema as torch writes it, for messages: `add.Tensor(Tensor self, Tensor other, *, Scalar alpha)`. */
export function formatSchema(schema: OpSchema): string {
  const parts: string[] = [];
  let star = false;
  for (const argument of schema.arguments) {
    if (argument.kwargOnly && !star) {
      parts.push('*');
      star = true;
    }
    parts.push(`${plainType(argument.type)} ${argument.name}${argument.hasDefault ? '=...' : ''}`);
  }
  return `${qualifiedName(schema)}(${parts.join(', ')})`;
}

/** `aten::add.Tensor` */
export function qualifiedName(schema: { name: string; overload: string }): string {
  return schema.overload === '' ? schema.name : `${schema.name}.${schema.overload}`;
}
