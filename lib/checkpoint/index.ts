export { InertGlobal, InertObject } from './inert.ts';
export { type LoadOptions, load } from './load.ts';
export { loadInto, type StateDictTarget } from './load-into.ts';
export { metadataOf, textsOf } from './metadata.ts';
export { commonPrefix, type StateDictOptions, stateDictOf, stripPrefix } from './objects/state-dict.ts';
export { type SafetensorsOptions, save, saveSafetensors } from './save.ts';
export type { MapLocation } from './storage/storage-table.ts';
