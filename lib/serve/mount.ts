import type { FastifyInstance, FastifyRequest } from 'fastify';
import { describeValue } from '../options.ts';
import { checkIsLocal, checkOrigin, tokenCheck } from './http/auth.ts';
import { addContentTypes } from './http/content-types.ts';
import { describeRoute } from './http/describe.ts';
import { errorHandler } from './http/errors.ts';
import { addHealth, type Readiness } from './http/health.ts';
import { addMetrics } from './http/metrics.ts';
import { addOpenApi } from './http/openapi.ts';
import { RequestWork } from './http/request-work.ts';
import { Admission } from './jobs/admission.ts';
import { Preparer } from './jobs/preparer.ts';
import type { ServeSettings } from './options.ts';
import type { ServerPackages } from './packages.ts';
import { RequestError } from './request-error.ts';
import { Service } from './service.ts';
import { routesOf } from './service-routes.ts';

/** @throws TypeError for what is no service */
export function checkService(owner: string, service: unknown): void {
  if (service instanceof Service) return;
  throw new TypeError(
    `Expected what serve.classification or serve.reidGallery gives for ${owner}, got ${describeValue(service)}`,
  );
}

/** Adds everything to an app, or to a plugin of one. */
export async function mount(
  app: FastifyInstance,
  service: Service,
  settings: ServeSettings,
  packages: ServerPackages,
  readiness: Readiness,
): Promise<void> {
  const routes = routesOf(service);
  const { token, limits } = settings;
  const admission = new Admission(settings.maxPending);
  const preparer = new Preparer(settings.decodeThreads, limits);
  const work = new RequestWork(admission, settings);
  app.setErrorHandler(errorHandler(settings.onError));
  addGuards(app, token);
  await addRateLimit(app, packages, settings);
  await addOpenApi(app, packages, routes, token !== undefined);
  await addContentTypes(app, packages, limits.bodyBytes);
  addHealth(app, readiness);
  addMetrics(app, packages.prometheus, routes, admission);
  addReload(app, routes, token);
  routes.mount(app, { settings, admission, preparer, work });
  app.addHook('onClose', async () => {
    await routes.close();
    preparer.close();
  });
}

/** Routes that say so are open to all. */
const isOpen = ({ routeOptions }: FastifyRequest): boolean =>
  (routeOptions.schema as { security?: readonly unknown[] } | undefined)?.security?.length === 0;

function addGuards(app: FastifyInstance, token: string | undefined): void {
  const checkToken = tokenCheck(token);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
    checkOrigin(request);
    if (!isOpen(request)) checkToken(request);
  });
}

async function addRateLimit(
  app: FastifyInstance,
  { rateLimit }: ServerPackages,
  { ratePerMinute }: ServeSettings,
): Promise<void> {
  if (ratePerMinute === undefined) return;
  const settings = {
    max: ratePerMinute,
    timeWindow: 60_000,
    allowList: isOpen,
    errorResponseBuilder: (_request: unknown, { ttl }: { ttl: number }) =>
      new RequestError(
        429,
        'ERR_RATE',
        `Expected at most ${ratePerMinute} requests in a minute, got more; try again later`,
        Math.ceil(ttl / 1000),
      ),
  };
  await app.register(rateLimit as never, settings as never);
}

function addReload(
  app: FastifyInstance,
  routes: ReturnType<typeof routesOf>,
  token: string | undefined,
): void {
  const schema = describeRoute({
    summary: "Loads the model again; without a token, for this machine's own programs alone",
  });
  app.post('/reload', { schema }, async (request) => {
    checkIsLocal(request, token);
    return await routes.reload();
  });
}
