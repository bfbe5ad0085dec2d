import type { FastifyInstance } from 'fastify';
import type { GalleryMatch } from '../../reid/gallery/index.ts';
import { addImageRoute, allOf, type ImageRequest } from '../http/image-route.ts';
import { badRequest, RequestError } from '../request-error.ts';
import type { ServiceContext } from '../service-routes.ts';
import { inOurWords } from './errors.ts';
import { filterFrom, SEARCH_FIELDS, type SearchFields } from './fields.ts';
import type { GalleryParts } from './gallery-parts.ts';

/** `POST /search` and `POST /extract`. */
export function addSearchRoutes(app: FastifyInstance, parts: GalleryParts, context: ServiceContext): void {
  addImageRoute<SearchFields>(
    app,
    {
      url: '/search',
      summary: 'The entries most like an image, a feature or an entry',
      takes: 'image',
      fields: SEARCH_FIELDS,
      handle: async (request) => {
        const feature = await queryFeature(request, parts, context);
        return await inOurWords(request.task.run(search(feature, request.fields, parts)));
      },
    },
    context,
  );
  addImageRoute<object>(
    app,
    {
      url: '/extract',
      summary: 'Features of images, of length 1',
      takes: 'images',
      fields: {},
      handle: async ({ images, task }) => {
        if (images.length === 0) throw badRequest('Expected at least one image, got none');
        const found = await task.run(allOf(images.map((image) => parts.extract(image, task, context))));
        return {
          results: found.map((feature, i) => ({ name: images[i]?.name, feature: Array.from(feature) })),
        };
      },
    },
    context,
  );
}

async function queryFeature(
  { images, fields, task }: ImageRequest<SearchFields>,
  parts: GalleryParts,
  context: ServiceContext,
): Promise<Float32Array | readonly number[]> {
  const [image] = images;
  const given = images.length + (fields.feature === undefined ? 0 : 1) + (fields.entry === undefined ? 0 : 1);
  if (given !== 1) throw badRequest(`Expected one image, "feature" or "entry", got ${given} of them`);
  if (image !== undefined) return await task.run(parts.extract(image, task, context));
  if (fields.feature !== undefined) return fields.feature;
  return entryOf(parts, fields.entry as string).feature;
}

/** @throws RequestError 404 where there is none */
export function entryOf({ gallery }: GalleryParts, id: string) {
  const entry = gallery.get(id);
  if (entry !== undefined) return entry;
  const message = `Expected the id of an entry, got ${JSON.stringify(id.slice(0, 200))}, which is not there`;
  throw new RequestError(404, 'ERR_GALLERY_ENTRY', message);
}

async function search(
  feature: Float32Array | readonly number[],
  { k = 10, entry, threshold, ...fields }: Partial<SearchFields>,
  { gallery }: GalleryParts,
): Promise<object> {
  const { feature: _, ...filter } = fields;
  const options = {
    k: entry === undefined ? k : k + 1,
    ...filterFrom(filter),
  };
  const { matches, rescored, drift } = await gallery.search(feature, options);
  const others = matches.filter(({ id }) => id !== entry).slice(0, k);
  const least = threshold ?? gallery.calibration?.threshold ?? null;
  const isMatch = ({ similarity }: GalleryMatch) => least !== null && similarity >= least;
  return {
    matches: others.map((match) => ({
      ...match,
      distance: 1 - match.similarity,
      ...(least === null ? {} : { isMatch: isMatch(match) }),
    })),
    verdict: least === null ? null : others.some(isMatch) ? 'match' : 'unknown',
    threshold: least,
    drift,
    rescored,
    entries: gallery.size,
  };
}
