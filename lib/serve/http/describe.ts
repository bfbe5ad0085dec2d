import { REFUSAL_SCHEMA } from './errors.ts';
import type { FieldSchemas } from './fields.ts';

/** What OpenAPI says of a route. */
export interface RouteDescription {
  readonly summary: string;
  /** Besides images. */
  readonly fields?: FieldSchemas;
  /** Where fields are: in the address, in a JSON body, or beside images, of which there may be none, one or several. */
  readonly takes?: 'query' | 'json' | 'image' | 'images' | 'optional image';
  readonly isOpen?: boolean;
  /** JSON Schema of the answer; no other properties are sent. */
  readonly answer?: object;
}

const KEY = 'x-ibn-net';

/** The schema of a route for Fastify, which checks nothing of it: handlers read bodies of several kinds. */
export function describeRoute(description: RouteDescription): object {
  const { summary, isOpen = false } = description;
  return { summary, ...(isOpen ? { security: [] } : {}), [KEY]: description };
}

/** What OpenAPI is made of: @fastify/swagger calls it for each route. */
export function toOpenApi({ schema, url }: { schema: unknown; url: string }): {
  schema: object;
  url: string;
} {
  const { [KEY]: description, ...rest } = (schema ?? {}) as Record<string, unknown>;
  if (description === undefined) return { schema: rest, url };
  const { fields = {}, takes, answer } = description as RouteDescription;
  const object = (more: object, required: readonly string[] = []) => ({
    type: 'object',
    properties: { ...more, ...fields },
    ...(required.length > 0 ? { required } : {}),
  });
  return { schema: { ...rest, ...bodyOf(takes, object), response: answersOf(answer) }, url };
}

const PARAM_ANSWERS = { '4xx': { description: 'What was wrong', ...REFUSAL_SCHEMA } };

const answersOf = (answer: object | undefined) => ({
  200: { description: 'The answer', ...(answer ?? { type: 'object', additionalProperties: true }) },
  ...PARAM_ANSWERS,
});

const BASE64 = {
  type: 'string',
  contentEncoding: 'base64',
  description: 'The file in base64, or a data: URL',
};
const BINARY = { type: 'string', format: 'binary' };

function bodyOf(
  takes: RouteDescription['takes'],
  object: (more: object, required?: readonly string[]) => object,
): object {
  if (takes === undefined) return {};
  if (takes === 'query') return { querystring: object({}) };
  if (takes === 'json') return { body: object({}) };
  const several = takes === 'images' ? { images: { type: 'array', items: BASE64 } } : {};
  const file = takes === 'images' ? { file: { type: 'array', items: BINARY } } : { file: BINARY };
  return {
    querystring: object({}),
    body: {
      content: {
        'application/json': { schema: object({ image: BASE64, ...several }) },
        'multipart/form-data': { schema: object(file) },
        'image/*': { schema: BINARY },
      },
    },
  };
}
