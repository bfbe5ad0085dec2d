import type { Server as NetServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { checkOptions, checkPositions, checkText, describeValue } from '../options.ts';
import { sendRefusal } from './http/errors.ts';
import type { Readiness } from './http/health.ts';
import { checkService, mount } from './mount.ts';
import { SERVE_OPTIONS, type ServeOptions, serveSettings } from './options.ts';
import { loadPackages } from './packages.ts';
import type { Service } from './service.ts';

/** Where a server listens. */
export interface ListenOptions {
  /** Default 8080; 0 takes a free one. */
  port?: number;
  /** Default `127.0.0.1`: this machine alone. */
  host?: string;
}

/** A server that `serve.createServer` made. */
export class Server {
  /** Fastify's own instance, for routes and hooks of your own before {@link listen}. */
  readonly app: object;
  readonly #app: FastifyInstance;
  readonly #service: Service;
  readonly #readiness: Readiness;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(app: object, service: Service, readiness: object) {
    this.app = app;
    this.#app = app as FastifyInstance;
    this.#service = service;
    this.#readiness = readiness as Readiness;
  }

  /** Begins to take requests. Gives the address, `http://127.0.0.1:8080`. */
  async listen(options: ListenOptions = {}): Promise<string> {
    checkOptions('Server.listen', options, ['port', 'host']);
    const { port = 8080, host = '127.0.0.1' } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new RangeError(`Expected a port from 0 to 65535 for Server.listen, got ${describeValue(port)}`);
    }
    checkText('Server.listen host', 'a name or address', host);
    return await this.#app.listen({ port, host });
  }

  /** Loads the model again. Requests that are under way end with the old one. */
  reload(): Promise<void> {
    return this.#service.reload();
  }

  /**
   * Ends the server without losing a request: `/readyz` says 503 and connections are closed with their next answer; after
   * `drainMs` (default 500) none is taken any more, and what was asked is answered. Then the model is closed.
   */
  close(options: { drainMs?: number } = {}): Promise<void> {
    checkOptions('Server.close', options, ['drainMs']);
    this.#closing ??= this.#end(options.drainMs ?? 500);
    return this.#closing;
  }

  async #end(drainMs: number): Promise<void> {
    this.#readiness.isReady = false;
    const { server } = this.#app;
    if (server.listening) {
      await setTimeout(drainMs);
      await acceptWaiting(server);
      server.close();
    }
    // Those whose answer was on its way before are not told.
    const idle = setInterval(() => server.closeIdleConnections(), 100);
    await this.#app.close().finally(() => clearInterval(idle));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The system resets connections that it has taken and the server has not: takes them, one in each turn of the loop. */
async function acceptWaiting(server: NetServer): Promise<void> {
  let accepted = 0;
  const count = () => {
    accepted++;
  };
  server.on('connection', count);
  for (let turns = 0, quiet = 0; turns < 10_000 && quiet < 3; turns++) {
    const before = accepted;
    await setImmediate();
    quiet = accepted === before ? quiet + 1 : 0;
  }
  server.off('connection', count);
}

/**
 * A server for a service: `serve.classification` or `serve.reidGallery`. It has the service's routes, `/healthz`, `/readyz`,
 * `/metrics`, `/openapi.json` and `/reload`.
 *
 * @throws ServerPackagesError where Fastify and what belongs to it are not installed
 * @example
 * const server = await serve.createServer(service, { token: process.env.IBN_NET_TOKEN });
 * console.log(await server.listen({ port: 8080 }));
 */
export async function createServer(service: Service, options: ServeOptions = {}): Promise<Server> {
  checkPositions('serve.createServer', arguments, 2);
  checkOptions('serve.createServer', options, SERVE_OPTIONS);
  checkService('serve.createServer', service);
  const settings = serveSettings('serve.createServer', options, availableParallelism());
  const packages = await loadPackages();
  const readiness = { isReady: true };
  const app = packages.fastify({
    bodyLimit: settings.limits.bodyBytes,
    // A body that comes too slowly holds room.
    requestTimeout: settings.timeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Ids of entries are up to 1,000 bytes, percent-encoded.
    routerOptions: { maxParamLength: 3000 },
  });
  app.addHook('onSend', async (_request, reply) => {
    if (!readiness.isReady) reply.header('connection', 'close');
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `Expected a route of this server, got ${request.method} ${request.url.slice(0, 200)}; see /openapi.json`;
    sendRefusal(reply, { statusCode: 404, code: 'ERR_NOT_FOUND', message });
  });
  await mount(app, service, settings, packages, readiness);
  return new Server(app, service, readiness);
}
