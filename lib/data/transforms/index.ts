export { sampleGenerator } from '../sample-generator.ts';
export { Compose } from './compose.ts';
export { Grayscale, Normalize, ToDtype, ToTensor } from './convert.ts';
export { CenterCrop, type Padding, RandomCrop, type RandomCropOptions } from './crop.ts';
export { IMAGENET_MEAN, IMAGENET_STD, imagenetEval, imagenetTrain } from './presets.ts';
export { RandomHorizontalFlip, RandomResizedCrop, type RandomResizedCropOptions } from './random.ts';
export { type Interpolation, Resize, type ResizeOptions } from './resize.ts';
export { type Size, Transform } from './transform.ts';
