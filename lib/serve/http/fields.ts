import type { FastifyRequest } from 'fastify';
import { suggestion } from '../../options.ts';
import { badRequest } from '../request-error.ts';

/** JSON Schemas of fields, by name. */
export type FieldSchemas = Readonly<Record<string, object>>;

/**
 * The fields of a request, checked: none that nothing reads, and texts of forms and addresses as the numbers, flags and lists
 * (with commas) that they stand for.
 */
export function readFields<Fields extends object>(
  request: FastifyRequest,
  given: unknown,
  schemas: FieldSchemas,
): Partial<Fields> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badRequest('Expected a JSON object as the body, got something else');
  }
  checkNames(given, Object.keys(schemas));
  const fields = splitLists(given as Record<string, unknown>, schemas);
  const schema = schemaOf(schemas);
  const validate = request.getValidationFunction(schema) ?? request.compileValidationSchema(schema);
  if (validate(fields)) return fields as Partial<Fields>;
  throw badRequest(problemOf(validate.errors));
}

// Fastify remembers what it compiled by the object.
const made = new WeakMap<FieldSchemas, { [key: string]: unknown }>();

function schemaOf(schemas: FieldSchemas): { [key: string]: unknown } {
  const schema = made.get(schemas) ?? { type: 'object', properties: schemas };
  made.set(schemas, schema);
  return schema;
}

function checkNames(given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw badRequest(
      `Expected a known field, got ${JSON.stringify(name.slice(0, 80))}${suggestion(name.slice(0, 80), known, 'fields')}`,
    );
  }
}

function splitLists(fields: Record<string, unknown>, schemas: FieldSchemas): Record<string, unknown> {
  const isList = (name: string) => (schemas[name] as { type?: unknown }).type === 'array';
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      isList(name) && typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value,
    ]),
  );
}

interface Problem {
  readonly instancePath?: string;
  readonly message?: string;
}

function problemOf(errors: readonly Problem[] | null | undefined): string {
  const { instancePath = '', message = 'is not what was expected' } = errors?.[0] ?? {};
  return `Expected other fields: "${instancePath.replace(/^\//, '').replaceAll('/', '.')}" ${message}`;
}
