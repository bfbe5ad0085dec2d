import { roundEven } from './half.ts';
import type { Neighbours } from './neighbours.ts';

/** How many neighbours count: of an image, and of its candidates. */
export interface NeighbourCounts {
  /** Those that an image and another must be among, both ways. */
  readonly full: number;
  /** The same for the sets that widen an image's own. */
  readonly half: number;
}

/** Half of `k1` and one more, as `int(np.around(k1 / 2)) + 1`. */
export const halfCount = (k1: number): number => roundEven(k1 / 2) + 1;

/**
 * The widened set of k-reciprocal neighbours of each image, ascending (Zhong et al., CVPR 2017): the sets of those neighbours
 * join of which more than two thirds lie in the image's own set.
 */
export function* expandedNeighbours(
  neighbours: Neighbours,
  { full, half }: NeighbourCounts,
): Generator<Int32Array> {
  const images = neighbours.indices.length / neighbours.count;
  const halves = Array.from({ length: images }, (_, image) => reciprocal(neighbours, image, half));
  const mark = new Int32Array(images).fill(-1);
  for (let image = 0; image < images; image++) {
    const own = reciprocal(neighbours, image, full);
    for (const other of own) mark[other] = image;
    const joined = own
      .map((other) => halves[other] as number[])
      .filter((set) => mostlyMarked(set, mark, image));
    yield Int32Array.from(new Set([...own, ...joined.flat()])).sort();
  }
}

/** Those of an image's first `count` neighbours that have it among theirs. */
function reciprocal({ indices, count: width }: Neighbours, image: number, count: number): number[] {
  const first = Math.min(count, width);
  const found: number[] = [];
  for (let at = 0; at < first; at++) {
    const other = indices[image * width + at] as number;
    const start = other * width;
    for (let back = 0; back < first; back++) {
      if (indices[start + back] !== image) continue;
      found.push(other);
      break;
    }
  }
  return found;
}

function mostlyMarked(set: readonly number[], mark: Int32Array, image: number): boolean {
  let inside = 0;
  for (const other of set) if (mark[other] === image) inside++;
  return inside > (2 / 3) * set.length;
}
