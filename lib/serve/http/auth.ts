import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { RequestError } from '../request-error.ts';

/** Refuses requests without the token. What is compared are hashes, in a time that does not depend on them. */
export function tokenCheck(token: string | undefined): (request: FastifyRequest) => void {
  if (token === undefined) return () => {};
  const expected = hash(token);
  return ({ headers: { authorization } }) => {
    const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (given !== undefined && timingSafeEqual(hash(given), expected)) return;
    const got = authorization === undefined ? 'none' : given === undefined ? 'another kind' : 'another';
    throw new RequestError(
      401,
      'ERR_TOKEN',
      `Expected the server's token in the header "authorization: Bearer <token>", got ${got}`,
    );
  };
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Refuses what pages of other sites send through a visitor's browser, which reaches servers on loopback too. */
export function checkOrigin({ method, headers }: FastifyRequest): void {
  const { origin, host } = headers;
  if (SAFE.has(method) || origin === undefined || isSame(origin, host)) return;
  throw new RequestError(
    403,
    'ERR_ORIGIN',
    `Expected requests of this server's own page, or of programs, got one of a page at ${origin}`,
  );
}

function isSame(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** Refuses what does not come from this machine, where no token protects it. */
export function checkIsLocal({ socket }: FastifyRequest, token: string | undefined): void {
  const { remoteAddress = '' } = socket;
  if (token !== undefined || /^(::1|(::ffff:)?127\.)/.test(remoteAddress)) return;
  throw new RequestError(
    403,
    'ERR_NOT_LOCAL',
    'Expected a request from this machine, since the server has no token, got one from another; start the server with a token',
  );
}
