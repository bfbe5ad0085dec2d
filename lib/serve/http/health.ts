import type { FastifyInstance } from 'fastify';
import { RequestError } from '../request-error.ts';
import { describeRoute } from './describe.ts';

/** Whether a server takes requests. */
export interface Readiness {
  isReady: boolean;
}

/** `GET /healthz`: the process answers. `GET /readyz`: it takes requests; 503 from the beginning of its end. */
export function addHealth(app: FastifyInstance, readiness: Readiness): void {
  const open = (summary: string) => ({ schema: describeRoute({ summary, isOpen: true }) });
  app.get('/healthz', open('Whether the process answers'), async () => ({ status: 'ok' }));
  app.get('/readyz', open('Whether it takes requests'), async () => {
    if (readiness.isReady) return { status: 'ready' };
    throw new RequestError(503, 'ERR_NOT_READY', 'The server ends; ask another');
  });
}
