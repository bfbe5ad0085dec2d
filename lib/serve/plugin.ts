import { availableParallelism } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { checkOptions, checkPositions } from '../options.ts';
import { checkService, mount } from './mount.ts';
import { SERVE_OPTIONS, type ServeOptions, serveSettings } from './options.ts';
import { loadPackages } from './packages.ts';
import type { Service } from './service.ts';

/** A plugin for `app.register`. */
export type ServePlugin = (app: object) => Promise<void>;

/**
 * The routes of a service as a plugin of Fastify, for an app of your own: `await app.register(plugin, { prefix: '/images' })`.
 * Its hooks, parsers and errors stay inside it. `app.close()` closes the service.
 *
 * @throws ServerPackagesError where Fastify and what belongs to it are not installed
 * @example
 * const app = fastify();
 * await app.register(await serve.plugin(service, { maxPending: 64 }), { prefix: '/images' });
 */
export async function plugin(service: Service, options: ServeOptions = {}): Promise<ServePlugin> {
  checkPositions('serve.plugin', arguments, 2);
  checkOptions('serve.plugin', options, SERVE_OPTIONS);
  checkService('serve.plugin', service);
  const settings = serveSettings('serve.plugin', options, availableParallelism());
  const packages = await loadPackages();
  return (app) => mount(app as FastifyInstance, service, settings, packages, { isReady: true });
}
