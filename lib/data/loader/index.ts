export { type Collated, type Converted, defaultCollate, defaultConvert } from './collate.ts';
export { DataLoader } from './data-loader.ts';
export type { SkippedSample } from './fetch.ts';
export type { DataLoaderOptions } from './options.ts';
export type { DataLoaderState } from './position.ts';
