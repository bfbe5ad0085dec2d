import { checkOptions, checkText, checkTexts, describeValue } from '../../options.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';

/** What a gallery knows of an image besides its feature. */
export interface EntryFacts {
  /** Who or what it shows. */
  identity?: string;
  camera?: string;
  /** Milliseconds since 1970. */
  time?: number;
  tags?: readonly string[];
}

/** A feature: one row of a network's output, a tensor (D) or (1, D), or numbers. */
export type Feature = Tensor | Float32Array | readonly number[];

/** An image to enrol. */
export interface NewEntry extends EntryFacts {
  /** The entry's own name; no two have the same. */
  id: string;
  feature: Feature;
}

/** What a store holds of an image. */
export interface StoredEntry {
  readonly facts: EntryFacts;
  /** As it was enrolled. */
  readonly feature: Float32Array;
}

export const FACTS = ['identity', 'camera', 'time', 'tags'] as const;
type Fact = (typeof FACTS)[number];

/** New facts of an entry; null takes one away, and what is left out stays. */
export type FactsChange = { [Name in Fact]?: EntryFacts[Name] | null | undefined };

/** Checks facts and leaves out what is undefined. */
export function checkFacts(owner: string, facts: EntryFacts): EntryFacts {
  const { identity, camera, time, tags } = facts;
  if (identity !== undefined) checkText(`${owner} identity`, 'a text', identity);
  if (camera !== undefined) checkText(`${owner} camera`, 'a text', camera);
  if (tags !== undefined) checkTexts(`${owner} tags`, 'texts', tags);
  if (time !== undefined && !Number.isFinite(time)) {
    throw new TypeError(`Expected milliseconds for ${owner} time, got ${describeValue(time)}`);
  }
  return Object.fromEntries(
    FACTS.flatMap((name) => (facts[name] === undefined ? [] : [[name, facts[name]]])),
  ) as EntryFacts;
}

/** Facts as they become: those of a change that are null go. */
export function changedFacts(owner: string, facts: EntryFacts, change: FactsChange): EntryFacts {
  const gone = FACTS.filter((name) => change[name] === null);
  const kept = Object.entries({ ...facts, ...change }).filter(([name]) => !gone.includes(name as Fact));
  return checkFacts(owner, Object.fromEntries(kept) as EntryFacts);
}

/** Checks an entry and gives its parts. */
export function checkEntry(owner: string, entry: NewEntry, width: number): [id: string, stored: StoredEntry] {
  checkOptions(owner, entry, ['id', 'feature', ...FACTS]);
  checkText(`${owner} id`, 'a text', entry.id);
  if (entry.id === '' || Buffer.byteLength(entry.id) > 1000) {
    throw new RangeError(`Expected 1 to 1,000 bytes for ${owner} id, got ${Buffer.byteLength(entry.id)}`);
  }
  const feature = featureOf(`${owner} feature`, entry.feature, width);
  return [entry.id, { facts: checkFacts(owner, entry), feature }];
}

/** A feature's numbers, copied. */
export function featureOf(owner: string, feature: Feature, width: number): Float32Array {
  const values = isTensor(feature) ? numbersOf(owner, feature) : feature;
  if (!Array.isArray(values) && !(values instanceof Float32Array)) {
    throw new TypeError(
      `Expected a tensor or an array of numbers for ${owner}, got ${describeValue(feature)}`,
    );
  }
  if (values.length !== width) {
    throw new RangeError(
      `Expected ${width} numbers for ${owner}, got ${values.length}; was it made by another network?`,
    );
  }
  const copy = Float32Array.from(values as ArrayLike<number>);
  const square = squareOf(copy);
  if (Number.isFinite(square) && square > 0) return copy;
  throw new RangeError(
    `Expected finite numbers that are not all 0 for ${owner}, got a length of ${Math.sqrt(square)}`,
  );
}

function numbersOf(owner: string, feature: Tensor): Float32Array {
  const shape = feature.shape;
  if (shape.length === 1 || (shape.length === 2 && shape[0] === 1)) {
    return feature.detach().to('float32').contiguous().data() as Float32Array;
  }
  throw new RangeError(`Expected one feature, (D) or (1, D), for ${owner}, got [${shape}]`);
}

/** The sum of squares. */
export function squareOf(values: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    sum += value * value;
  }
  return sum;
}
