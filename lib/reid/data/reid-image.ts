/** An image of a Re-ID data set. */
export interface ReidImage {
  readonly path: string;
  /** Who or what is on it, as the data set counts; 0 is a distractor in Market-1501. */
  readonly id: number | string;
  /** Which camera took it, from 0 where the data set has numbers. */
  readonly camera: number | string;
}

/** Images, identities and cameras of a part of a data set. */
export interface PartCounts {
  readonly images: number;
  readonly ids: number;
  readonly cameras: number;
}

/** The parts of a data set. */
export interface ReidParts {
  readonly train: readonly ReidImage[];
  readonly query: readonly ReidImage[];
  readonly gallery: readonly ReidImage[];
}

export type ReidPart = keyof ReidParts;
export const PARTS: readonly ReidPart[] = ['train', 'query', 'gallery'];

/** A Re-ID data set that was read, or the parts that there are. */
export interface ReidData extends ReidParts {
  readonly name: string;
  readonly root: string;
  readonly counts: Readonly<Record<ReidPart, PartCounts>>;
  /** How the counts differ from the published ones, a sentence each; empty where they are those or none are published. */
  readonly differences: readonly string[];
}

/** Published counts; what is not stated is not compared. */
export type PublishedCounts = Readonly<Partial<Record<ReidPart, Partial<PartCounts>>>>;

/** Adds up the parts, and warns where they are not as published. */
export function reidData(
  name: string,
  root: string,
  parts: ReidParts,
  published: PublishedCounts = {},
): ReidData {
  const counts = {
    train: countsOf(parts.train),
    query: countsOf(parts.query),
    gallery: countsOf(parts.gallery),
  };
  const differences = PARTS.flatMap((part) => differencesOf(part, counts[part], published[part] ?? {}));
  if (differences.length > 0) {
    process.emitWarning(`${name} in ${root} is not as published: ${differences.join('; ')}`, {
      code: 'IBN_REID_COUNTS',
    });
  }
  return { name, root, ...parts, counts, differences };
}

function countsOf(images: readonly ReidImage[]): PartCounts {
  const distinct = (values: unknown[]) => new Set(values).size;
  return {
    images: images.length,
    ids: distinct(images.map(({ id }) => id)),
    cameras: distinct(images.map(({ camera }) => camera)),
  };
}

function differencesOf(part: ReidPart, found: PartCounts, published: Partial<PartCounts>): string[] {
  return (['images', 'ids', 'cameras'] as const).flatMap((what) => {
    const expected = published[what];
    if (expected === undefined || expected === found[what]) return [];
    const show = (count: number) => count.toLocaleString('en');
    return [`${part} has ${show(found[what])} ${what} in place of ${show(expected)}`];
  });
}
