import { describeValue } from '../../options.ts';

/** Numbered samples. `get` may be asynchronous; several calls may be under way at once. */
export interface Dataset<Sample> {
  readonly length: number;
  get(index: number): Sample | Promise<Sample>;
}

/** Throws unless `index` is one of the data set's. */
export function checkIndex(index: number, length: number, name: string): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`Expected 0 to ${length - 1} for ${name} index, got ${index}`);
  }
}

/** Throws unless a value is a transform, or undefined. */
export function checkTransform(owner: string, transform: unknown): void {
  const { forward } = (transform ?? {}) as { forward?: unknown };
  if (transform === undefined || typeof forward === 'function') return;
  throw new TypeError(
    `Expected a transform with forward(image) for ${owner} transform, got ${describeValue(transform)}`,
  );
}

/** Throws unless a value has the members of a data set. Its length may grow. */
export function checkDataset(dataset: unknown, owner: string): void {
  const { length, get } = (dataset ?? {}) as { length?: unknown; get?: unknown };
  if (typeof get === 'function' && Number.isInteger(length) && (length as number) >= 0) return;
  const got = typeof get === 'function' ? `a length of ${describeValue(length)}` : describeValue(dataset);
  const advice = Array.isArray(dataset) ? '; for an array pass { length, get: (i) => array[i] }' : '';
  throw new TypeError(`Expected a data set with length and get(index) for ${owner}, got ${got}${advice}`);
}
