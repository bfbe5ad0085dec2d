import { types } from 'node:util';
import { loadBinding } from '../binding.ts';
import { Complex } from './complex.ts';
import { OpaqueValue, wrapTensor } from './handle.ts';
import { gatherFor } from './named-results.ts';
import type { ParsedSchema, TypeShape } from './schema.ts';

/** Makes of what a native call gave, and of its arguments, what the caller gets. */
export type Wrap = (result: unknown, args: unknown[]) => unknown;

/** How the results of a schema are wrapped. */
export function makeWrap(schema: ParsedSchema): Wrap {
  const { returnShapes } = schema;
  const first = returnShapes[0];
  if (first === undefined) return () => undefined;
  if (schema.returnsArguments) return makeArgumentReturn(schema);
  if (returnShapes.length === 1) {
    if (first.kind === 'Tensor' && !first.optional) return wrapTensor;
    return (result) => wrapByShape(first, result);
  }
  const gather = gatherFor(schema);
  return (result) => gather(returnShapes.map((shape, i) => wrapByShape(shape, (result as unknown[])[i])));
}

/** In-place and out ops return the very objects they were given. */
function makeArgumentReturn(schema: ParsedSchema): Wrap {
  const places = schema.returns.map((result) =>
    schema.arguments.findIndex((argument) => argument.alias === result.alias),
  );
  if (places.length === 1) {
    const place = places[0] as number;
    return (_, args) => args[place];
  }
  const gather = gatherFor(schema);
  return (_, args) => gather(places.map((place) => args[place]));
}

function wrapByShape(shape: TypeShape, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (shape.kind === 'Tensor') return wrapTensor(value);
  if (shape.kind === 'list')
    return (value as unknown[]).map((item) => wrapByShape(shape.element as TypeShape, item));
  if (shape.kind === 'native') return new OpaqueValue(value as never);
  if (shape.kind === 'any') return wrapAny(value);
  if (shape.kind === 'Scalar' && typeof value === 'object') {
    const { re, im } = value as { re: number; im: number };
    return new Complex(re, im);
  }
  return value;
}

/** A result whose schema does not tell its type: handles are found among plain values. */
function wrapAny(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrapAny);
  if (!types.isExternal(value)) return value;
  const isTensor = !loadBinding().binding.isDisposed(value as never);
  return isTensor ? wrapTensor(value) : new OpaqueValue(value as never);
}
