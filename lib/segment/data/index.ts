/** Data sets for segmentation. */
import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as transforms from './transforms.ts';

export type { CityscapesOptions } from './cityscapes.ts';
export { CITYSCAPES_CLASSES, CITYSCAPES_COLOURS, type Colour, classColours } from './classes.ts';
export type { FolderOptions } from './folder.ts';
export type { Gta5Options } from './gta5.ts';
export type { Gta5Split } from './gta5-split.ts';
export { listData, loadData, type SegmentDataName, type SegmentDataOptions } from './load-data.ts';
export type { SegmentData, SegmentPair } from './segment-data.ts';
export { SegmentDataset, type SegmentDatasetOptions, type SegmentSample } from './segment-dataset.ts';
export { evalTransform, RandomScale, type TrainTransformOptions, trainTransform } from './transforms.ts';

registerOwnClasses(transforms);
