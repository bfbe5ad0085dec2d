import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorOf, messageOf } from '../../errors.ts';
import { RequestError } from '../request-error.ts';

/** What a caller is told of an error. */
export interface Refusal {
  readonly statusCode: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: number | undefined;
}

const BY_CODE: Readonly<Record<string, number>> = {
  ERR_IMAGE_DECODE: 400,
  ERR_IMAGE_UNSUPPORTED: 415,
  ERR_IMAGE_TOO_LARGE: 413,
  ERR_COMPILED_QUEUE_FULL: 429,
  ERR_COMPILED_CLOSED: 503,
  ERR_COMPILED_DISPOSED: 503,
  ERR_GALLERY_CLOSED: 503,
};

/** What is told of an error; 500 without its words where the server is at fault. */
export function refusalOf(thrown: unknown): Refusal {
  const error = errorOf(thrown) as Error & { code?: unknown; statusCode?: unknown };
  const code = typeof error.code === 'string' ? error.code : 'ERR_SERVER';
  const message = messageOf(error);
  if (error instanceof RequestError) {
    const { statusCode, retryAfter } = error;
    return { statusCode, code, message, retryAfter };
  }
  const known = BY_CODE[code];
  if (known !== undefined) {
    return { statusCode: known, code, message, ...(known === 429 ? { retryAfter: 1 } : {}) };
  }
  // Fastify's own, and those of its plugins.
  const { statusCode } = error;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { statusCode, code: code === 'ERR_SERVER' ? 'ERR_REQUEST' : code, message };
  }
  return { statusCode: 500, code: 'ERR_SERVER', message: 'The server failed; its log says why' };
}

/** Answers with a refusal, and tells `onError` of what is the server's fault. */
export function errorHandler(onError: (error: Error) => void) {
  return (error: unknown, _request: FastifyRequest, reply: FastifyReply): void => {
    const refusal = refusalOf(error);
    if (refusal.statusCode >= 500 && refusal.code === 'ERR_SERVER') onError(errorOf(error));
    sendRefusal(reply, refusal);
  };
}

/** In the form of Fastify's own errors. */
export function sendRefusal(reply: FastifyReply, { statusCode, code, message, retryAfter }: Refusal): void {
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer');
  reply.code(statusCode).send({ statusCode, code, error: STATUS_CODES[statusCode] ?? 'Error', message });
}

/** The JSON of a refusal, for OpenAPI. */
export const REFUSAL_SCHEMA = {
  type: 'object',
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    error: { type: 'string' },
    message: { type: 'string' },
  },
} as const;
