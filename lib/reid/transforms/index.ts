/** Preparation of images for training. */
import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as erasing from './erasing.ts';

export * from './erasing.ts';
export { fastReIDTrain, type ReIDTrainOptions, strongBaselineTrain } from './presets.ts';

registerOwnClasses(erasing);
