import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FactsChange, NewEntry } from '../../reid/gallery/index.ts';
import { describeRoute } from '../http/describe.ts';
import { readFields } from '../http/fields.ts';
import { addImageRoute, type ImageRequest } from '../http/image-route.ts';
import { badRequest, RequestError } from '../request-error.ts';
import type { ServiceContext } from '../service-routes.ts';
import { inOurWords } from './errors.ts';
import {
  CHANGE_FIELDS,
  ENROL_FIELDS,
  type EnrolFields,
  filterFrom,
  LIST_FIELDS,
  type ListFields,
} from './fields.ts';
import type { GalleryParts } from './gallery-parts.ts';
import { entryOf } from './search-routes.ts';

/** `POST /enrol`, and `GET`, `PATCH`, `DELETE` of entries and their images. */
export function addEntryRoutes(app: FastifyInstance, parts: GalleryParts, context: ServiceContext): void {
  const enrolling = new Set<string>();
  addImageRoute<EnrolFields>(
    app,
    {
      url: '/enrol',
      summary: 'Adds an entry: an image or a feature, and what is known of it',
      takes: 'image',
      fields: ENROL_FIELDS,
      handle: async (request) => {
        const id = request.fields.id ?? randomUUID();
        if (parts.gallery.get(id) !== undefined || enrolling.has(id)) throw alreadyThere(id);
        enrolling.add(id);
        try {
          await enrol(id, request, parts, context);
        } finally {
          enrolling.delete(id);
        }
        request.reply.code(201);
        return shown(parts, id);
      },
    },
    context,
  );
  addLists(app, parts);
  addChanges(app, parts);
}

async function enrol(
  id: string,
  { images, fields, task }: ImageRequest<EnrolFields>,
  parts: GalleryParts,
  context: ServiceContext,
): Promise<void> {
  const { feature: given, ...facts } = fields;
  const [image] = images;
  if (images.length + (given === undefined ? 0 : 1) !== 1) {
    throw badRequest(`Expected one image or "feature", got ${images.length + (given === undefined ? 0 : 1)}`);
  }
  const feature =
    image === undefined ? (given as number[]) : await task.run(parts.extract(image, task, context));
  // What is begun is finished, whether or not its caller waits.
  const entry = { ...facts, id, feature } as NewEntry;
  if (image !== undefined) await parts.images.put(id, image.bytes);
  try {
    await inOurWords(parts.gallery.enrol(entry));
  } catch (error) {
    await parts.images.delete(id);
    throw error;
  }
}

const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id;

function shown({ gallery }: GalleryParts, id: string): object {
  const { feature: _, ...facts } = gallery.get(id) ?? { feature: undefined };
  return { id, ...facts };
}

function addLists(app: FastifyInstance, parts: GalleryParts): void {
  app.get(
    '/entries',
    {
      schema: describeRoute({
        summary: 'Entries in the order of their ids, and how many there are',
        takes: 'query',
        fields: LIST_FIELDS,
      }),
    },
    async (request) => {
      const {
        offset = 0,
        limit = 100,
        ...filter
      } = readFields<ListFields>(request, request.query, LIST_FIELDS);
      return parts.gallery.list({ offset, limit, ...filterFrom(filter) });
    },
  );
  app.get(
    '/entries/:id',
    { schema: describeRoute({ summary: 'An entry, with its feature' }) },
    async (request) => {
      const { feature, ...facts } = entryOf(parts, idOf(request));
      return { id: idOf(request), ...facts, feature: Array.from(feature) };
    },
  );
  app.get(
    '/entries/:id/image',
    { schema: describeRoute({ summary: "An entry's image" }) },
    async (request, reply) => {
      const id = idOf(request);
      entryOf(parts, id);
      const image = await parts.images.read(id);
      if (image === undefined) {
        throw new RequestError(
          404,
          'ERR_NO_IMAGE',
          `Expected an image of ${JSON.stringify(id)}, got none: it is not kept`,
        );
      }
      reply
        .header('content-type', image.type)
        .header('content-security-policy', "default-src 'none'; sandbox");
      return reply.send(image.bytes);
    },
  );
}

function addChanges(app: FastifyInstance, parts: GalleryParts): void {
  const { gallery, images } = parts;
  app.patch(
    '/entries/:id',
    {
      schema: describeRoute({
        summary: 'Changes facts of an entry; null takes one away',
        takes: 'json',
        fields: CHANGE_FIELDS,
      }),
    },
    async (request) => {
      const change = readFields<FactsChange>(request, request.body, CHANGE_FIELDS);
      await inOurWords(gallery.update(idOf(request), change));
      return shown(parts, idOf(request));
    },
  );
  app.delete(
    '/entries/:id',
    { schema: describeRoute({ summary: 'Takes an entry out, with its image' }) },
    async (request, reply) => {
      await inOurWords(gallery.delete(idOf(request)));
      await images.delete(idOf(request));
      reply.code(204);
    },
  );
}

const alreadyThere = (id: string) =>
  new RequestError(
    409,
    'ERR_GALLERY_ENTRY',
    `Expected a new id, got ${JSON.stringify(id.slice(0, 200))}, which is there; change or delete it, or leave the id out`,
  );
