export { type LoadOptions, load } from './load.ts';
export { metadataOf } from './metadata.ts';
export { save } from './save.ts';
export { commonPrefix, stateDictOf, stripPrefix } from './state-dict.ts';
export type { MapLocation } from './storage-table.ts';
