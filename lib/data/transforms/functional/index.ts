export { type AffineOptions, affine, type Point, type RotateOptions, rotate } from './affine.ts';
export {
  adjustSharpness,
  type Both,
  erase,
  type GaussianBlurOptions,
  type GaussianNoiseOptions,
  gaussianBlur,
  gaussianNoise,
} from './blur.ts';
export {
  type AdjustGammaOptions,
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustSaturation,
  invert,
  permuteChannels,
  posterize,
  type RgbToGrayscaleOptions,
  rgbToGrayscale,
  solarize,
} from './colour.ts';
export { normalize, type ToDtypeOptions, toDtype } from './dtype.ts';
export {
  centerCrop,
  crop,
  type FiveCrops,
  fiveCrop,
  hflip,
  horizontalFlip,
  type ResizedCropOptions,
  resizedCrop,
  type TenCropOptions,
  tenCrop,
  verticalFlip,
  vflip,
} from './geometry.ts';
export type { GridInterpolation, GridOptions } from './grid.ts';
export { autocontrast, equalize } from './histogram.ts';
export { adjustHue } from './hue.ts';
export { type Fill, type Padding, type PaddingMode, type PadOptions, pad } from './pad.ts';
export { type Corners, elastic, type PerspectiveOptions, perspective } from './perspective.ts';
export { type Interpolation, type ResizeOptions, resize } from './resize.ts';
