import type { FastifyInstance } from 'fastify';
import type { RequestWork } from './http/request-work.ts';
import type { Admission } from './jobs/admission.ts';
import type { Preparer } from './jobs/preparer.ts';
import type { ServeSettings } from './options.ts';

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

const routes = new WeakMap<object, ServiceRoutes>();

/** Keeps what a service is made of, apart from its public class. */
export function keepRoutes(service: object, inside: ServiceRoutes): void {
  routes.set(service, inside);
}

export const routesOf = (service: object): ServiceRoutes => routes.get(service) as ServiceRoutes;
