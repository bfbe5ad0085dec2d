/** IBN-Net models and the layers they are made of. */
export { GlobalAvgPool2d } from './global-avg-pool.ts';
export { IBN } from './ibn.ts';
export { type PretrainedLoader, setPretrainedLoader } from './pretrained.ts';
export { getModel, listModels, type ModelEntry } from './registry.ts';
export * from './resnet-ibn.ts';
