import type { FastifyInstance, FastifyPluginCallback, FastifyServerOptions } from 'fastify';
import { problemMessage } from '../problem.ts';
import { ServerPackagesError } from './packages-error.ts';

/** What is used of the packages of a server, which are there only where somebody installed them. */
export interface ServerPackages {
  readonly fastify: (options: FastifyServerOptions & { routerOptions?: object }) => FastifyInstance;
  readonly multipart: FastifyPluginCallback<Record<string, unknown>>;
  readonly rateLimit: FastifyPluginCallback<Record<string, unknown>>;
  readonly swagger: FastifyPluginCallback<Record<string, unknown>>;
  readonly prometheus: typeof import('prom-client');
}

const NAMES = ['fastify', '@fastify/multipart', '@fastify/rate-limit', '@fastify/swagger', 'prom-client'];

/** @throws ServerPackagesError with the command that installs what is missing */
export async function loadPackages(
  load: (name: string) => Promise<unknown> = importByName,
): Promise<ServerPackages> {
  const found = await Promise.allSettled(NAMES.map(load));
  const missing = NAMES.filter((_, i) => found[i]?.status === 'rejected');
  if (missing.length > 0) throw notInstalled(missing, found);
  const [fastify, multipart, rateLimit, swagger, prometheus] = found.map(
    (result) => (result as PromiseFulfilledResult<{ default: unknown }>).value.default,
  );
  return { fastify, multipart, rateLimit, swagger, prometheus } as unknown as ServerPackages;
}

// Not in the import itself, lest the types of those without the packages miss them.
const importByName = (name: string): Promise<unknown> => import(name);

function notInstalled(missing: readonly string[], found: readonly PromiseSettledResult<unknown>[]) {
  const failed = found.find((result) => result.status === 'rejected');
  const message = problemMessage({
    headline: `Expected the packages of the server, got no ${missing.join(', ')}`,
    solutions: [`Install them: npm install ${NAMES.join(' ')}`],
  });
  return new ServerPackagesError(message, { cause: failed?.reason });
}
