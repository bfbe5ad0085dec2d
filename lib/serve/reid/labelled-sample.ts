import { createHash } from 'node:crypto';
import type { Gallery } from '../../reid/gallery/index.ts';
import { badRequest } from '../request-error.ts';

/** Entries that have an identity, with their features. */
export interface LabelledSample {
  /** Of length 1, one after the other. */
  readonly features: Float32Array;
  readonly width: number;
  readonly ids: readonly string[];
  /** Undefined where one of them has none. */
  readonly cameras: readonly string[] | undefined;
}

/** Pairs grow with the square: half a million. */
const MOST = 1000;

/** Whole identities, chosen by their hash, so that the same gallery gives the same ones. @throws RequestError where there are none */
export function labelledSample(gallery: Gallery): LabelledSample {
  const { entries } = gallery.list({ limit: Math.max(1, gallery.size) });
  const byIdentity = new Map<string, { id: string; camera: string | undefined }[]>();
  for (const { id, identity, camera } of entries) {
    if (identity === undefined) continue;
    const own = byIdentity.get(identity) ?? [];
    own.push({ id, camera });
    byIdentity.set(identity, own);
  }
  // Those seen more than once first: they are who has genuine pairs.
  const order = [...byIdentity.keys()].map((identity) => ({
    identity,
    key: `${(byIdentity.get(identity)?.length ?? 0) > 1 ? 0 : 1}${hash(identity)}`,
  }));
  order.sort((a, b) => (a.key < b.key ? -1 : 1));
  const chosen: { id: string; identity: string; camera: string | undefined }[] = [];
  for (const { identity } of order) {
    for (const entry of byIdentity.get(identity) ?? []) chosen.push({ identity, ...entry });
    if (chosen.length >= MOST) break;
  }
  if (chosen.length < 2) {
    throw badRequest(
      `Expected entries with an identity, got ${chosen.length}; enrol some, or tell whom they show`,
    );
  }
  return sampleOf(gallery, chosen.slice(0, MOST));
}

function sampleOf(
  gallery: Gallery,
  chosen: readonly { id: string; identity: string; camera: string | undefined }[],
): LabelledSample {
  const { width } = gallery;
  const features = new Float32Array(chosen.length * width);
  for (const [i, { id }] of chosen.entries()) {
    const feature = gallery.get(id)?.feature ?? new Float32Array(width);
    const length = Math.hypot(...feature) || 1;
    features.set(
      feature.map((value) => value / length),
      i * width,
    );
  }
  const cameras = chosen.map(({ camera }) => camera);
  const isWhole = cameras.every((camera) => camera !== undefined);
  return {
    features,
    width,
    ids: chosen.map(({ identity }) => identity),
    cameras: isWhole ? (cameras as string[]) : undefined,
  };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
