import { describe } from 'vitest';
import { transforms as T } from '../../lib/data/index.ts';
import { manualSeed, randint, randn, type Tensor } from '../../lib/index.ts';
import { type Class, made, refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

manualSeed(1);
const bytes = randint(0, 256, [3, 8, 9], { dtype: 'uint8' });
const image = randn([3, 8, 9]).sigmoid();
const batch = [randn([2, 3, 4, 4]).sigmoid(), randint(0, 3, [2], { dtype: 'int64' })];
const flip = new T.RandomHorizontalFlip();
const corners = [
  [0, 0],
  [8, 0],
  [8, 7],
  [0, 7],
];
const grid = { interpolation: 'bilinear', fill: 0.5 };
const resize = { interpolation: 'bilinear', antialias: true };
const moves = { interpolation: 'nearest', fill: 3 };

/** What each function takes. */
const functions: Record<string, unknown[]> = {
  affine: [image, 10, [1, 2], 1.1, [5, 3], { ...grid, center: [4, 3] }],
  rotate: [image, 10, { ...grid, expand: false, center: [4, 3] }],
  adjustSharpness: [image, 0.5],
  erase: [image, 1, 2, 3, 4, 0.5],
  gaussianBlur: [image, [3, 5], { sigma: [0.5, 1] }],
  gaussianNoise: [image, { mean: 0.1, sigma: 0.2, clip: true }],
  adjustBrightness: [image, 0.5],
  adjustContrast: [image, 0.5],
  adjustGamma: [image, 0.5, { gain: 0.9 }],
  adjustSaturation: [image, 0.5],
  adjustHue: [image, 0.2],
  invert: [image],
  permuteChannels: [image, [2, 0, 1]],
  posterize: [bytes, 3],
  rgbToGrayscale: [image, { numOutputChannels: 3 }],
  solarize: [image, 0.5],
  normalize: [image, [0.4, 0.5, 0.6], [0.1, 0.2, 0.3]],
  toDtype: [bytes, 'float32', { scale: true }],
  centerCrop: [image, [4, 5]],
  crop: [image, 1, 2, 4, 5],
  fiveCrop: [image, [4, 5]],
  horizontalFlip: [image],
  hflip: [image],
  verticalFlip: [image],
  vflip: [image],
  resizedCrop: [image, 1, 2, 4, 5, [6, 6], resize],
  tenCrop: [image, [4, 5], { verticalFlip: true }],
  autocontrast: [image],
  equalize: [bytes],
  pad: [image, [1, 2], { fill: 0.5, paddingMode: 'constant' }],
  elastic: [image, randn([1, 8, 9, 2]), grid],
  perspective: [image, corners, corners, grid],
  resize: [image, [4, 5], resize],
};

/** What each class is made of; what its forward takes, where that is no image of floats. */
const classes: Record<string, [given: unknown[], input?: unknown]> = {
  AugMix: [[{ ...moves, severity: 2, mixtureWidth: 2, chainDepth: 1, alpha: 0.5, allOps: true }], bytes],
  AutoAugment: [[{ ...moves, policy: 'svhn' }], bytes],
  RandAugment: [[{ ...moves, numOps: 2, magnitude: 5, numMagnitudeBins: 20 }], bytes],
  TrivialAugmentWide: [[{ ...moves, numMagnitudeBins: 20 }], bytes],
  GaussianBlur: [[[3, 5], { sigma: [0.5, 1] }]],
  GaussianNoise: [[{ mean: 0.1, sigma: 0.2, clip: true }]],
  ColorJitter: [[{ brightness: 0.5, contrast: [0.5, 1], saturation: 0.5, hue: 0.2 }]],
  Grayscale: [[3]],
  RandomChannelPermutation: [[]],
  RandomGrayscale: [[1]],
  RGB: [[]],
  Compose: [[[flip, flip]]],
  RandomApply: [[[flip], { p: 1 }]],
  RandomChoice: [[[flip, flip], { p: [0.5, 0.5] }]],
  RandomOrder: [[[flip, flip]]],
  Normalize: [
    [
      [0.4, 0.5, 0.6],
      [0.1, 0.2, 0.3],
    ],
  ],
  ToDtype: [['float32', { scale: true }], bytes],
  ToTensor: [[], bytes],
  CenterCrop: [[[4, 5]]],
  RandomCrop: [[[4, 5], { padding: [1, 2], padIfNeeded: true, fill: 0.5, paddingMode: 'constant' }]],
  RandomPhotometricDistort: [
    [{ brightness: [0.5, 1], contrast: [0.5, 1], saturation: [0.5, 1], hue: [-0.1, 0.1], p: 1 }],
  ],
  RandomErasing: [[{ p: 1, scale: [0.1, 0.3], ratio: [0.5, 2], value: 0.5 }]],
  RandomHorizontalFlip: [[1]],
  RandomVerticalFlip: [[1]],
  ElasticTransform: [[{ ...grid, alpha: [5, 6], sigma: [0.5, 1] }]],
  RandomAffine: [
    [[-10, 10], { ...grid, translate: [0.1, 0.2], scale: [0.9, 1.1], shear: [-5, 5], center: [4, 3] }],
  ],
  RandomPerspective: [[{ ...grid, distortionScale: 0.3, p: 1 }]],
  RandomRotation: [[[-10, 10], { ...grid, expand: true, center: [4, 3] }]],
  Lambda: [[(x: Tensor) => x]],
  CutMix: [[{ alpha: 0.5, numClasses: 3 }], batch],
  MixUp: [[{ alpha: 0.5, numClasses: 3 }], batch],
  Pad: [[[1, 2], { fill: 0.5, paddingMode: 'constant' }]],
  RandomAdjustSharpness: [[0.5, { p: 1 }]],
  RandomAutocontrast: [[1]],
  RandomEqualize: [[1], bytes],
  RandomInvert: [[1]],
  RandomPosterize: [[3, { p: 1 }], bytes],
  RandomSolarize: [[0.5, { p: 1 }]],
  RandomResize: [[4, 6, resize]],
  RandomShortestSize: [[[4, 6], { ...resize, maxSize: 9 }]],
  RandomZoomOut: [[{ fill: 0.5, sideRange: [1, 2], p: 1 }]],
  ScaleJitter: [[[6, 6], { ...resize, scaleRange: [0.5, 1] }]],
  Resize: [[4, { ...resize, maxSize: 9 }]],
  RandomResizedCrop: [[[4, 5], { ...resize, scale: [0.3, 1], ratio: [0.8, 1.2] }]],
  FiveCrop: [[[4, 5]]],
  TenCrop: [[[4, 5], { verticalFlip: true }]],
};

const others: GoodCall[] = [
  { name: 'transforms.imagenetEval', args: [{ resize: 40, crop: 32 }], call: T.imagenetEval },
  { name: 'transforms.imagenetTrain', args: [{ crop: 32 }], call: T.imagenetTrain },
];

const OTHERS: Record<string, string> = {
  'transforms.ImageTransform': 'the base',
  'transforms.Step': 'the base',
  'transforms.Transform': 'the base',
  'transforms.sampleGenerator': 'takes nothing',
};

/** The class with its forward, and the forward alone. */
function callsOf(name: string, [given, input = image]: [unknown[], unknown?]): GoodCall[] {
  const OfClass = Reflect.get(T, name) as Class;
  const use = (step: unknown) => {
    manualSeed(1); // what is drawn decides whether some arguments are looked at
    return (step as T.Transform).forward(input as Tensor);
  };
  const forward = (...inputs: unknown[]) => {
    const step = Reflect.construct(OfClass, given as never[]) as T.Transform;
    manualSeed(1);
    return Reflect.apply(step.forward, step, inputs) as unknown;
  };
  return [
    { name: `transforms.${name}`, args: given, call: made(OfClass, use), other: [input] },
    { name: `transforms.${name}.forward`, args: [input], call: forward, other: given },
  ];
}

describe('transforms refuse bad input in words', () => {
  const ofFunctions = Object.entries(functions).map(([name, args]) => {
    return { name: `transforms.functional.${name}`, args, call: Reflect.get(T.functional, name) };
  });
  const ofClasses = Object.entries(classes).flatMap(([name, entry]) => callsOf(name, entry));
  const names = exportsOf(T as unknown as Record<string, unknown>, 'transforms.');
  refusesBadInput('transforms', [...ofFunctions, ...ofClasses, ...others], names, OTHERS);
});
