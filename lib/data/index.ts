export {
  ChainDataset,
  ConcatDataset,
  IterableDataset,
  type RandomSplitOptions,
  randomSplit,
  type Samples,
  StackDataset,
  type Stacked,
  Subset,
  TensorDataset,
} from './combine/index.ts';
export * as corruptions from './corruptions/index.ts';
export * as datasets from './datasets/index.ts';
export { DatasetError, ImageError } from './errors.ts';
export { decodeImage, type ImageSource } from './image.ts';
export { IMAGE_EXTENSIONS, READABLE_EXTENSIONS } from './image-extensions.ts';
export { IMAGENET_CLASSES } from './imagenet-classes.ts';
export { IMAGENET_WNIDS } from './imagenet-wnids.ts';
export { decodeLabels } from './labels.ts';
export * from './loader/index.ts';
export type { FilePart, ImageDataset, ImageRecord } from './pipeline/image-record.ts';
export { encodePng, type PngOptions, writePng } from './png.ts';
export {
  BatchSampler,
  DistributedEvalSampler,
  type DistributedEvalSamplerOptions,
  DistributedSampler,
  type DistributedSamplerOptions,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  type Sized,
  SubsetRandomSampler,
  type SubsetRandomSamplerOptions,
  WeightedRandomSampler,
  type WeightedRandomSamplerOptions,
} from './samplers/index.ts';
export * as transforms from './transforms/index.ts';
