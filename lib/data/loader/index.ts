export { type Collated, defaultCollate } from './collate.ts';
export { DataLoader } from './data-loader.ts';
export type { SkippedSample } from './fetch.ts';
export type { DataLoaderOptions } from './options.ts';
