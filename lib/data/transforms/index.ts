import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as augment from './auto-augment/augment.ts';
import * as blur from './blur.ts';
import * as colour from './colour.ts';
import * as containers from './containers.ts';
import * as convert from './convert.ts';
import * as crop from './crop.ts';
import * as distort from './distort.ts';
import * as draw from './draw.ts';
import * as erasing from './erasing.ts';
import * as flip from './flip.ts';
import * as geometry from './geometry.ts';
import * as lambda from './lambda.ts';
import * as mix from './mix.ts';
import * as pad from './pad.ts';
import * as randomColour from './random-colour.ts';
import * as randomSize from './random-size.ts';
import * as resize from './resize.ts';
import * as resizedCrop from './resized-crop.ts';
import * as severalCrops from './several-crops.ts';
import * as transform from './transform.ts';

export { sampleGenerator } from '../sample-generator.ts';
export {
  AugMix,
  type AugMixOptions,
  AutoAugment,
  type AutoAugmentOptions,
  RandAugment,
  type RandAugmentOptions,
  TrivialAugmentWide,
  type TrivialAugmentWideOptions,
} from './auto-augment/augment.ts';
export type { AutoAugmentPolicy } from './auto-augment/policies.ts';
export { GaussianBlur, type GaussianBlurTransformOptions, GaussianNoise } from './blur.ts';
export {
  ColorJitter,
  type ColorJitterOptions,
  Grayscale,
  type Jitter,
  RandomChannelPermutation,
  RandomGrayscale,
  RGB,
} from './colour.ts';
export {
  Compose,
  type Input,
  RandomApply,
  type RandomApplyOptions,
  RandomChoice,
  type RandomChoiceOptions,
  RandomOrder,
} from './containers.ts';
export { type DTypeOf, Normalize, ToDtype, ToTensor } from './convert.ts';
export { CenterCrop, RandomCrop, type RandomCropOptions } from './crop.ts';
export { RandomPhotometricDistort, type RandomPhotometricDistortOptions } from './distort.ts';
export { RandomErasing, type RandomErasingOptions } from './erasing.ts';
export { RandomHorizontalFlip, RandomVerticalFlip } from './flip.ts';
export * as functional from './functional/index.ts';
export type { Fill, Padding, PaddingMode } from './functional/pad.ts';
export type { Interpolation, ResizeOptions } from './functional/resize.ts';
export {
  ElasticTransform,
  type ElasticTransformOptions,
  RandomAffine,
  type RandomAffineOptions,
  RandomPerspective,
  type RandomPerspectiveOptions,
  RandomRotation,
  type RandomRotationOptions,
} from './geometry.ts';
export { Lambda, type LambdaOptions } from './lambda.ts';
export { CutMix, type LabelledBatch, type MixOptions, MixUp } from './mix.ts';
export { Pad, type PadTransformOptions } from './pad.ts';
export { IMAGENET_MEAN, IMAGENET_STD, imagenetEval, imagenetTrain } from './presets.ts';
export {
  type ProbabilityOptions,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomInvert,
  RandomPosterize,
  RandomSolarize,
} from './random-colour.ts';
export {
  RandomResize,
  RandomShortestSize,
  type RandomShortestSizeOptions,
  type RandomSizeOptions,
  RandomZoomOut,
  type RandomZoomOutOptions,
  ScaleJitter,
  type ScaleJitterOptions,
} from './random-size.ts';
export { Resize } from './resize.ts';
export { RandomResizedCrop, type RandomResizedCropOptions } from './resized-crop.ts';
export type { FillOf, Sample } from './sample.ts';
export { FiveCrop, TenCrop, type TenCropTransformOptions } from './several-crops.ts';
export { ImageTransform, type Size, Step, Transform } from './transform.ts';

registerOwnClasses(
  augment,
  blur,
  colour,
  containers,
  convert,
  crop,
  distort,
  draw,
  erasing,
  flip,
  geometry,
  lambda,
  mix,
  pad,
  randomColour,
  randomSize,
  resize,
  resizedCrop,
  severalCrops,
  transform,
);
