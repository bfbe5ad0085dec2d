import { describeValue } from '../../options.ts';

/** What an iterable has, which must be something. */
export function listOf<Item>(items: Iterable<Item>, owner: string): Item[] {
  if (typeof (items as Partial<Iterable<Item>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected an array of data sets for ${owner}, got ${describeValue(items)}`);
  }
  const list = [...items];
  if (list.length > 0) return list;
  throw new RangeError(`Expected at least one data set for ${owner}, got none`);
}
