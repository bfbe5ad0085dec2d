/** torch.hub for the IBN-Net repository: models by name, published weights, torch's own cache. */
export { getDir, setDir } from './cache.ts';
export type { DownloadOptions, FetchOptions } from './fetch.ts';
export { help, type LoadOptions, list, load, loadStateDictFromUrl, type UrlOptions } from './hub.ts';
export { pretrainedModels, type Weights, weights } from './weights.ts';
