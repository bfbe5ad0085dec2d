/** Training by the published recipes. */
export type { ReidTestSet } from './figures.ts';
export type { ReidTrainValues } from './options.ts';
export { type ReidPresetName, type ReidTrainConfig, TRAIN_PRESETS } from './presets.ts';
export { type ReidTrainOptions, type ReidTrainResult, train } from './train.ts';
