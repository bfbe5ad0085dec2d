import type { FastifyInstance } from 'fastify';
import type { ServerPackages } from '../packages.ts';
import type { ServiceRoutes } from '../service-routes.ts';
import { toOpenApi } from './describe.ts';

/** Describes all routes that are added afterwards at `GET /openapi.json`; not in an app that describes its routes already. */
export async function addOpenApi(
  app: FastifyInstance,
  { swagger }: ServerPackages,
  { title, description }: ServiceRoutes,
  hasToken: boolean,
): Promise<void> {
  if (app.hasDecorator('swagger')) return;
  const bearer = { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } };
  await app.register(
    swagger as never,
    {
      transform: toOpenApi,
      openapi: {
        openapi: '3.1.0',
        info: { title, description, version: '1' },
        ...(hasToken ? { components: bearer, security: [{ bearer: [] }] } : {}),
      },
    } as never,
  );
  app.get('/openapi.json', { schema: { hide: true } as object }, async () =>
    (app as FastifyInstance & { swagger(): object }).swagger(),
  );
}
