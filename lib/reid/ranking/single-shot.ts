import type { GallerySplitter } from './match-ranks.ts';

/**
 * Adds to `curve` the chance that a match is among the first r + 1 images when each identity of the gallery shows one image,
 * drawn at random. Exact: the images that rank before a match come from identities that are independent of each other.
 */
export function expectedSingleShot(
  curve: Float64Array,
  distances: Float32Array,
  splitter: GallerySplitter,
  query: number,
): void {
  const { matches, junk } = splitter.of(query);
  const own = new Set([...matches, ...junk]);
  const others = [...splitter.identities.values()].filter((images) => !own.has(images[0] as number));
  for (const match of matches) {
    const chances = others.map((images) => shareBefore(distances, images, match));
    addCurve(curve, chances, 1 / matches.length);
  }
}

/** How many of the images rank before one, as a share. */
function shareBefore(distances: Float32Array, images: readonly number[], match: number): number {
  const limit = distances[match] as number;
  let before = 0;
  for (const image of images) {
    const distance = distances[image] as number;
    if (distance < limit || (distance === limit && image < match)) before++;
  }
  return before / images.length;
}

/** Adds `weight` times the distribution function of how many of some independent events happen. */
function addCurve(curve: Float64Array, chances: readonly number[], weight: number): void {
  const exactly = new Float64Array(curve.length);
  exactly[0] = 1;
  for (const chance of chances) {
    if (chance === 0) continue;
    for (let count = exactly.length - 1; count > 0; count--) {
      exactly[count] = (exactly[count] as number) * (1 - chance) + (exactly[count - 1] as number) * chance;
    }
    (exactly[0] as number) *= 1 - chance;
  }
  let sum = 0;
  exactly.forEach((share, rank) => {
    sum += share;
    (curve[rank] as number) += weight * Math.min(1, sum);
  });
}
