/** Options of a `DataLoader` for `--workers`: images are read ahead, or each when it is asked for. */
export const readingOf = (workers: number) =>
  workers === 0 ? { sequential: true } : { numWorkers: workers, prefetchFactor: 1 };
