import { keepRoutes, routesOf, type ServiceRoutes } from './service-routes.ts';

/** What `serve.createServer` and `serve.plugin` mount: made by `serve.classification` and `serve.reidGallery`. */
export class Service {
  /** @internal */
  constructor(inside: object) {
    keepRoutes(this, inside as ServiceRoutes);
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
