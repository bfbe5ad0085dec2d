export { type Collated, defaultCollate } from './collate.ts';
export { DataLoader, type DataLoaderOptions, type SkippedSample } from './data-loader.ts';
export * as datasets from './datasets/index.ts';
export { DatasetError, ImageError } from './errors.ts';
export { decodeImage, type ImageSource } from './image.ts';
export { IMAGE_EXTENSIONS, READABLE_EXTENSIONS } from './image-extensions.ts';
export { IMAGENET_CLASSES } from './imagenet-classes.ts';
export * as transforms from './transforms/index.ts';
