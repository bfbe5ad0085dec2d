import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ReceivedImage } from '../jobs/preparer.ts';
import type { Task } from '../jobs/task.ts';
import type { ServiceContext } from '../service-routes.ts';
import { describeRoute, type RouteDescription } from './describe.ts';
import { readFields } from './fields.ts';
import { readImageInput } from './image-input.ts';

/** A request that computes, read and checked. */
export interface ImageRequest<Fields> {
  readonly images: readonly ReceivedImage[];
  readonly fields: Partial<Fields>;
  readonly task: Task;
  readonly reply: FastifyReply;
}

interface ImageRoute<Fields> extends Required<Pick<RouteDescription, 'summary' | 'fields' | 'takes'>> {
  readonly url: string;
  readonly answer?: object;
  handle(request: ImageRequest<Fields>): Promise<object>;
}

/** Adds `POST url`, which takes images within the limits of the server: its room, its deadline, its sizes. */
export function addImageRoute<Fields extends object>(
  app: FastifyInstance,
  { url, handle, ...description }: ImageRoute<Fields>,
  { work, settings }: ServiceContext,
): void {
  app.route({
    method: 'POST',
    url,
    schema: describeRoute(description),
    onRequest: work.admit,
    handler: async (request: FastifyRequest, reply) => {
      const task = work.of(request);
      const input = await task.run(readImageInput(request, settings.limits));
      const fields = readFields<Fields>(request, input.fields, description.fields);
      task.ticket.resize(input.images.length);
      return await handle({ images: input.images, fields, task, reply });
    },
  });
}

/** Waits until all have ended, so that nothing of a request goes on behind its answer. @throws the first error */
export async function allOf<T>(running: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(running);
  return await Promise.all(running);
}
