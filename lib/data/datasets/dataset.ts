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
