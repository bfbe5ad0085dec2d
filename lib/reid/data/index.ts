export type { CsvListOptions } from './csv.ts';
export type { Cuhk03Options } from './cuhk03.ts';
export type { ImageFoldersOptions } from './folder.ts';
export { type DataName, type DataOptions, dataName, listData, loadData } from './load-data.ts';
export type { Msmt17Options } from './msmt17.ts';
export type { PartCounts, ReidData, ReidImage, ReidPart, ReidParts } from './reid-image.ts';
export { ReidImages, type ReidImagesOptions } from './reid-images.ts';
export {
  type TrainingImage,
  type TrainingSet,
  type TrainingSetOptions,
  trainingSet,
} from './training-set.ts';
export type { VehicleIdOptions } from './vehicleid.ts';
export type { ViperOptions } from './viper.ts';
