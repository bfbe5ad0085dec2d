import type { FastifyInstance } from 'fastify';
import { fromBuffer } from '../../tensor/index.ts';
import { describeRoute } from '../http/describe.ts';
import { readFields } from '../http/fields.ts';
import { inOurWords } from './errors.ts';
import { CALIBRATE_FIELDS } from './fields.ts';
import type { GalleryParts } from './gallery-parts.ts';
import { labelledSample } from './labelled-sample.ts';
import { rocCurve } from './roc-curve.ts';

/** `GET /model`, `GET /gallery`, `GET /roc` and `POST /calibrate`. */
export function addFigureRoutes(app: FastifyInstance, parts: GalleryParts): void {
  const { gallery } = parts;
  app.get(
    '/model',
    { schema: describeRoute({ summary: 'The network, and since when it answers' }) },
    async () => parts.describe(),
  );
  app.get(
    '/gallery',
    { schema: describeRoute({ summary: 'Entries, cameras, tags and the threshold' }) },
    async () => summaryOf(parts),
  );
  app.get(
    '/roc',
    {
      schema: describeRoute({
        summary: 'What each threshold takes for a match, on entries with an identity',
      }),
    },
    async () => await rocCurve(labelledSample(gallery)),
  );
  app.post(
    '/calibrate',
    {
      schema: describeRoute({
        summary: 'Finds the threshold for a promised false-match rate, on entries with an identity',
        takes: 'json',
        fields: CALIBRATE_FIELDS,
      }),
    },
    async (request) => {
      const rates = readFields<Rates>(request, request.body ?? {}, CALIBRATE_FIELDS);
      return await inOurWords(calibrate(parts, rates));
    },
  );
}

interface Rates {
  readonly falseMatchRate: number;
  readonly confidence: number;
}

async function calibrate({ gallery }: GalleryParts, rates: Partial<Rates>): Promise<object> {
  const { features, width, ids, cameras } = labelledSample(gallery);
  const matrix = fromBuffer(features, { shape: [ids.length, width] });
  gallery.calibrate({ features: matrix, ids, ...(cameras === undefined ? {} : { cameras }), ...rates });
  matrix.dispose();
  return calibrationOf(gallery) as object;
}

function calibrationOf({ calibration }: GalleryParts['gallery']): object | null {
  if (calibration === undefined) return null;
  const { centre: _, reference: __, ...figures } = calibration;
  return { ...figures, trueMatchRate: Number.isNaN(figures.trueMatchRate) ? null : figures.trueMatchRate };
}

function summaryOf({ gallery, images }: GalleryParts): object {
  const [cameras, tags] = [new Map<string, number>(), new Map<string, number>()];
  const identities = new Set<string>();
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const entry of gallery.list({ limit: Math.max(1, gallery.size) }).entries) {
    if (entry.camera !== undefined) count(cameras, entry.camera);
    if (entry.identity !== undefined) identities.add(entry.identity);
    for (const tag of entry.tags ?? []) count(tags, tag);
  }
  const listed = (counts: Map<string, number>) =>
    [...counts].map(([name, entries]) => ({ name, entries })).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    entries: gallery.size,
    width: gallery.width,
    identities: identities.size,
    cameras: listed(cameras),
    tags: listed(tags),
    calibration: calibrationOf(gallery),
    keepsImages: images.keeps,
  };
}
