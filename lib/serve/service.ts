import type { FastifyInstance } from 'fastify';
import type { RequestWork } from './http/request-work.ts';
import type { ServeSettings } from './options.ts';
import type { Admission } from './work/admission.ts';
import type { Preparer } from './work/preparer.ts';

/** What the server layer gives a service that mounts on it. */
export interface ServiceContext {
  readonly settings: ServeSettings;
  readonly admission: Admission;
  readonly preparer: Preparer;
  readonly work: RequestWork;
}

/** What the server layer asks of a service. */
export interface ServiceRoutes {
  readonly title: string;
  readonly description: string;
  /** Adds its routes. */
  mount(app: FastifyInstance, context: ServiceContext): void;
  /** Images that the network has computed, and batches of them. */
  figures(): { readonly images: number; readonly batches: number };
  /** How often another model was taken. */
  readonly reloads: number;
  /** Takes another model; gives what `GET /model` does. */
  reload(): Promise<object>;
  close(): Promise<void>;
}

const routes = new WeakMap<Service, ServiceRoutes>();

/** What `serve.createServer` and `serve.plugin` mount: made by `serve.classification` and `serve.reidGallery`. */
export class Service {
  /** @internal */
  constructor(inside: ServiceRoutes) {
    routes.set(this, inside);
  }

  /** Loads the model again, and answers with it from then on. What is there stays where that fails. */
  async reload(): Promise<void> {
    await routesOf(this).reload();
  }

  /** Waits for what is under way, and frees the model. The server closes its service by itself. */
  close(): Promise<void> {
    return routesOf(this).close();
  }
}

/** @internal */
export const routesOf = (service: Service): ServiceRoutes => routes.get(service) as ServiceRoutes;
