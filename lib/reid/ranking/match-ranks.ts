/** Which gallery images a query is compared with, by number: those of its identity on other cameras are its matches. */
export interface Split {
  readonly matches: readonly number[];
  /** Same identity, same camera: left out of the ranking. */
  readonly junk: readonly number[];
}

/** Labels of queries and gallery, as whole numbers. */
export interface EncodedLabels {
  readonly queryIds: Int32Array;
  readonly galleryIds: Int32Array;
  readonly queryCameras: Int32Array;
  readonly galleryCameras: Int32Array;
}

/** Splits the gallery for each query. */
export class GallerySplitter {
  readonly #labels: EncodedLabels;
  readonly #imagesOf = new Map<number, number[]>();

  constructor(labels: EncodedLabels) {
    this.#labels = labels;
    labels.galleryIds.forEach((id, index) => {
      const images = this.#imagesOf.get(id);
      if (images === undefined) this.#imagesOf.set(id, [index]);
      else images.push(index);
    });
  }

  /** The gallery's images of each identity. */
  get identities(): ReadonlyMap<number, readonly number[]> {
    return this.#imagesOf;
  }

  of(query: number): Split {
    const camera = this.#labels.queryCameras[query];
    const images = this.#imagesOf.get(this.#labels.queryIds[query] as number) ?? [];
    const isJunk = (index: number) => this.#labels.galleryCameras[index] === camera;
    return { matches: images.filter((index) => !isJunk(index)), junk: images.filter(isJunk) };
  }
}

const SLOTS = 1024;

/**
 * Positions of matches in a ranking, without sorting it: the images before each match are counted. Equal distances rank
 * by the gallery's order.
 */
export class MatchRanker {
  readonly #firstOfSlot = new Int32Array(SLOTS + 2);
  #distances: Float32Array = new Float32Array(0);
  #matches: number[] = [];
  #values = new Float64Array(0);
  #scale = 0;

  /** The matches' positions among the images that are not junk, ascending, from 0. */
  ranks(distances: Float32Array, { matches, junk }: Split): Int32Array {
    this.#prepare(distances, matches);
    const before = new Int32Array(matches.length + 1);
    this.#countAll(before);
    for (const index of junk) (before[this.#matchesBefore(index)] as number)--;
    for (const index of matches) (before[this.#matchesBefore(index)] as number)--;
    const ranks = new Int32Array(matches.length);
    let images = 0;
    for (let match = 0; match < ranks.length; match++) {
      images += before[match] as number;
      ranks[match] = images + match;
    }
    return ranks;
  }

  #prepare(distances: Float32Array, matches: readonly number[]): void {
    this.#distances = distances;
    const at = (index: number) => distances[index] as number;
    this.#matches = [...matches].sort((a, b) => at(a) - at(b) || a - b);
    this.#values = Float64Array.from(this.#matches, at);
    const span = (this.#values.at(-1) as number) - (this.#values[0] as number);
    this.#scale = span > 0 && Number.isFinite(span) ? SLOTS / span : 0;
    this.#fillSlots();
  }

  /** For each slot of distances: how many matches lie in earlier slots. */
  #fillSlots(): void {
    const slots = this.#firstOfSlot.fill(0);
    for (const value of this.#values) {
      const slot = ((value - (this.#values[0] as number)) * this.#scale) | 0;
      if (slot <= SLOTS) (slots[slot + 1] as number)++;
    }
    for (let slot = 1; slot < slots.length; slot++) (slots[slot] as number) += slots[slot - 1] as number;
  }

  #countAll(before: Int32Array): void {
    const distances = this.#distances;
    const [nearest, farthest] = [this.#values[0] as number, this.#values.at(-1) as number];
    let nearer = 0;
    for (let index = 0; index < distances.length; index++) {
      const distance = distances[index] as number;
      if (distance > farthest) continue;
      if (distance < nearest) nearer++;
      else (before[this.#matchesBefore(index)] as number)++;
    }
    (before[0] as number) += nearer;
  }

  /** How many matches rank before an image. */
  #matchesBefore(index: number): number {
    const [values, matches] = [this.#values, this.#matches];
    const distance = this.#distances[index] as number;
    const nearest = values[0] as number;
    if (distance < nearest) return 0;
    if (distance > (values[values.length - 1] as number)) return values.length;
    let match = this.#firstOfSlot[((distance - nearest) * this.#scale) | 0] as number;
    for (; match < values.length; match++) {
      const value = values[match] as number;
      if (value > distance || (value === distance && (matches[match] as number) >= index)) break;
    }
    return match;
  }
}
