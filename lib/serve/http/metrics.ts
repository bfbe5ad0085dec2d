import type { FastifyInstance } from 'fastify';
import type { Admission } from '../jobs/admission.ts';
import type { ServerPackages } from '../packages.ts';
import type { ServiceRoutes } from '../service-routes.ts';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

/** Counts and times requests, and tells Prometheus of them and of the process at `GET /metrics`. */
export function addMetrics(
  app: FastifyInstance,
  { Registry, Counter, Histogram, Gauge, collectDefaultMetrics }: ServerPackages['prometheus'],
  service: ServiceRoutes,
  admission: Admission,
): void {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const labelNames = ['method', 'route', 'status'];
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests that were answered',
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the first bytes of a request to the last of its answer',
    labelNames,
    buckets: SECONDS,
    registers,
  });
  const follow = (name: string, help: string, value: () => number) => {
    if (!name.endsWith('_total')) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
      return;
    }
    // Counted elsewhere: a counter that is set to what stands there.
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  };
  follow('ibn_pending_images', 'Images that wait or are under way', () => admission.pending);
  follow('ibn_overloaded_total', 'Requests refused with 429 for want of room', () => admission.refused);
  follow('ibn_images_total', 'Images that the network computed', () => service.figures().images);
  follow('ibn_batches_total', 'Batches that the network computed', () => service.figures().batches);
  follow('ibn_reloads_total', 'Models that took the place of others', () => service.reloads);

  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    };
    requests.inc(labels);
    seconds.observe(labels, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { schema: { hide: true } as object }, async (_request, reply) => {
    reply.header('content-type', registry.contentType);
    return await registry.metrics();
  });
}
