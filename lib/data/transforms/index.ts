import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as compose from './compose.ts';
import * as convert from './convert.ts';
import * as crop from './crop.ts';
import * as random from './random.ts';
import * as resize from './resize.ts';

export { sampleGenerator } from '../sample-generator.ts';
export { Compose } from './compose.ts';
export { Grayscale, Normalize, ToDtype, ToTensor } from './convert.ts';
export { CenterCrop, type Padding, RandomCrop, type RandomCropOptions } from './crop.ts';
export { IMAGENET_MEAN, IMAGENET_STD, imagenetEval, imagenetTrain } from './presets.ts';
export { RandomHorizontalFlip, RandomResizedCrop, type RandomResizedCropOptions } from './random.ts';
export { type Interpolation, Resize, type ResizeOptions } from './resize.ts';
export { type Size, Transform } from './transform.ts';

registerOwnClasses(compose, convert, crop, random, resize);
