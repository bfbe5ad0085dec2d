import { checkDataset, checkIndex, type Dataset } from '../datasets/dataset.ts';

type SampleOf<Set> = Set extends Dataset<infer Sample> ? Sample : never;
/** Samples of {@link StackDataset}. */
export type Stacked<Sets> = { -readonly [Key in keyof Sets]: SampleOf<Sets[Key]> };

type Sets = readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>;

/**
 * Puts samples of one index together: a tuple for data sets given one after another, an object for data sets given by
 * name. As torch's (2.13).
 *
 * @throws RangeError for data sets of different lengths
 * @example
 * const pairs = new StackDataset({ photo: folder, same: folder });
 * const { photo, same } = await pairs.get(0);
 */
export class StackDataset<Parts extends Sets> implements Dataset<Stacked<Parts>> {
  readonly datasets: Parts;

  constructor(named: Parts & Readonly<Record<string, Dataset<unknown>>>);
  constructor(...datasets: Parts & readonly Dataset<unknown>[]);
  constructor(...given: unknown[]) {
    this.datasets = (isNamed(given) ? given[0] : given) as Parts;
    checkLengths(this.datasets);
  }

  get length(): number {
    return firstOf(this.datasets).length;
  }

  async get(index: number): Promise<Stacked<Parts>> {
    checkIndex(index, this.length, 'StackDataset');
    const samples = await Promise.all(Object.values(this.datasets).map((dataset) => dataset.get(index)));
    if (Array.isArray(this.datasets)) return samples as Stacked<Parts>;
    const names = Object.keys(this.datasets);
    return Object.fromEntries(names.map((name, i) => [name, samples[i]])) as Stacked<Parts>;
  }
}

function isNamed(given: readonly unknown[]): boolean {
  const [first] = given;
  if (given.length !== 1 || typeof first !== 'object' || first === null) return false;
  return typeof (first as { get?: unknown }).get !== 'function';
}

function firstOf(datasets: Sets): Dataset<unknown> {
  return Object.values(datasets)[0] as Dataset<unknown>;
}

function checkLengths(datasets: Sets): void {
  const entries = Object.entries(datasets);
  if (entries.length === 0) throw new TypeError('Expected at least one data set for StackDataset, got none');
  for (const [name, dataset] of entries) checkDataset(dataset, `StackDataset [${name}]`);
  const { length } = firstOf(datasets);
  const other = entries.find(([, dataset]) => dataset.length !== length);
  if (other === undefined) return;
  const got = `${length} in [${entries[0]?.[0]}] and ${other[1].length} in [${other[0]}]`;
  throw new RangeError(`Expected data sets of one length for StackDataset, got ${got}`);
}
