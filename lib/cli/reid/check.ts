import { statSync } from 'node:fs';
import { load } from '../../checkpoint/index.ts';
import { findImages } from '../../data/datasets/image-folder.ts';
import { describeValue } from '../../options.ts';
import { type CheckReport, check, type ReIDLayout } from '../../reid/index.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';
import type { ReidStreams } from './network.ts';

/** Options of {@link checkReid}, as commander gives them. */
export interface ReidCheckOptions {
  checkpoint: string;
  layout?: ReIDLayout;
  features?: string;
  size?: readonly [number, number];
  json?: boolean;
}

/** Images that are looked at where there are more, unless features are given of all. */
const MOST_IMAGES = 64;

/** Says what is wrong with a checkpoint or features made of it. Returns whether nothing is. */
export async function checkReid(
  places: readonly string[],
  { checkpoint, layout, features, size, json = false }: ReidCheckOptions,
  { stdout }: Pick<ReidStreams, 'stdout'> = process,
): Promise<boolean> {
  const all = places.flatMap(imagesAt);
  const images = features === undefined ? spread(all, MOST_IMAGES) : all;
  const report = await check(checkpoint, images, {
    ...(layout === undefined ? {} : { layout }),
    ...(size === undefined ? {} : { size }),
    ...(features === undefined ? {} : { features: featuresIn(features) }),
  });
  stdout.write(
    json ? `${JSON.stringify({ checkpoint, images: images.length, ...report })}\n` : asText(report),
  );
  return report.ok;
}

function imagesAt(place: string): string[] {
  const entry = statSync(place, { throwIfNoEntry: false });
  if (entry === undefined)
    throw new RangeError(`Expected an image or a folder of images, got ${place}, which is not there`);
  if (!entry.isDirectory()) return [place];
  const found = findImages(place);
  if (found.length === 0) throw new RangeError(`Expected images in ${place}, got none; check the path`);
  return found;
}

/** So many of a list, from its beginning to its end. */
function spread<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, index) => list[Math.floor((index * list.length) / most)] as T);
}

/** The tensor of a file, or the one called `features` in it. */
function featuresIn(path: string): Tensor {
  const found: unknown = load(path);
  const named =
    found instanceof Map ? found.get('features') : (found as { features?: unknown } | null)?.features;
  for (const value of [found, named]) if (isTensor(value)) return value;
  throw new TypeError(
    `Expected a tensor (N, D) called "features" in ${path}, got ${describeValue(named)}; write it by "reid extract" or torch.save({"features": x}, path)`,
  );
}

function asText({ network, findings, excluded, unclear }: CheckReport): string {
  const faults = findings.flatMap(({ fault, message, evidence, remedy }) => [
    `FAULT ${fault}: ${message}`,
    `  seen: ${evidence}`,
    `  do: ${remedy}`,
  ]);
  const lines = [
    ...(network === undefined ? [] : [network]),
    ...(faults.length > 0 ? faults : ['Nothing wrong was found.']),
    ...excluded.map((text) => `not so: ${text}`),
    ...unclear.map((text) => `not known: ${text}`),
  ];
  return `${lines.join('\n')}\n`;
}
