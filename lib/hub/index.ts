export { getDir, setDir } from './cache.ts';
export { type DownloadOptions, type LoadOptions, list, load, loadStateDictFromUrl } from './hub.ts';
export { pretrainedModels } from './weights.ts';
