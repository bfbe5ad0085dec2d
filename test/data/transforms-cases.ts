// The cases of scripts/fixtures/transforms.py, by their names there.
import { transforms } from '../../lib/data/index.ts';
import { linspace, stack, type Tensor, tensor } from '../../lib/tensor/index.ts';

const { functional: F } = transforms;
type Change = (image: Tensor) => Tensor;
type Make = () => { forward(image: Tensor): Tensor };
/** A transform that takes an image and its mask, too. */
export type MakeForMasks = () => transforms.ImageTransform<unknown>;

function resized(): Record<string, Change> {
  const cases: Record<string, Change> = {};
  for (const interpolation of ['nearest', 'nearest-exact', 'bilinear', 'bicubic', 'lanczos'] as const) {
    cases[`resize 17x23 ${interpolation}`] = (x) => F.resize(x, [17, 23], { interpolation });
    cases[`resize 9 ${interpolation}`] = (x) => F.resize(x, 9, { interpolation });
  }
  for (const interpolation of ['bilinear', 'bicubic'] as const) {
    cases[`resize 31x19 ${interpolation} without antialias`] = (x) =>
      F.resize(x, [31, 19], { interpolation, antialias: false });
  }
  cases['resize 9 at most 14'] = (x) => F.resize(x, 9, { maxSize: 14 });
  cases.resizedCrop = (x) => F.resizedCrop(x, 0, 1, 1, 2, [8, 6]);
  return cases;
}

const placed: Record<string, Change> = {
  horizontalFlip: F.horizontalFlip,
  verticalFlip: F.verticalFlip,
  'crop inside': (x) => F.crop(x, 1, 0, 1, 2),
  'crop beyond': (x) => F.crop(x, -2, 3, 9, 6),
  'centerCrop 8x5': (x) => F.centerCrop(x, [8, 5]),
  'centerCrop 13': (x) => F.centerCrop(x, 13),
  fiveCrop: (x) => stack(F.fiveCrop(x, 2)),
  tenCrop: (x) => stack(F.tenCrop(x, [4, 3])),
  'tenCrop vertical': (x) => stack(F.tenCrop(x, [2, 3], { verticalFlip: true })),
  'pad 3': (x) => F.pad(x, 3, { fill: 77 }),
  'pad fill for each channel': (x) => F.pad(x, [1, 2, 3, 4], { fill: [10, 128, 250] }),
  'pad negative': (x) => F.pad(x, [-1, 2, 2, -1], { fill: 5 }),
  'pad edge': (x) => F.pad(x, [4, 2], { paddingMode: 'edge' }),
  'pad reflect': (x) => F.pad(x, [1, 2, 3, 1], { paddingMode: 'reflect' }),
  'pad symmetric': (x) => F.pad(x, [2, 1, 3, 2], { paddingMode: 'symmetric' }),
  erase: (x) => F.erase(x, 0, 0, 1, 1, tensor([3]).view([1, 1, 1])),
};

function displacement(image: Tensor): Tensor {
  const [height, width] = image.shape.slice(-2) as [number, number];
  return linspace(-0.3, 0.3, height * width * 2).reshape([1, height, width, 2]);
}

function turned(): Record<string, Change> {
  const cases: Record<string, Change> = {};
  for (const interpolation of ['nearest', 'bilinear'] as const) {
    for (const angle of [30, -47.5, 90, 180, 270, 360]) {
      cases[`rotate ${angle} ${interpolation}`] = (x) => F.rotate(x, angle, { interpolation });
    }
    for (const fill of [null, 0, 200]) {
      cases[`rotate 21.5 ${interpolation} expand fill ${fill}`] = (x) =>
        F.rotate(x, 21.5, { interpolation, expand: true, fill });
    }
    cases[`rotate 40 ${interpolation} center`] = (x) =>
      F.rotate(x, 40, { interpolation, center: [1, 2], fill: 9 });
    cases[`affine ${interpolation}`] = (x) =>
      F.affine(x, 15, [2, -1], 0.8, [10, 5], { interpolation, fill: [90] });
    cases[`affine ${interpolation} center without fill`] = (x) =>
      F.affine(x, -33.3, [0, 1], 1.3, [0, -12], { interpolation, center: [0, 0] });
    cases[`perspective ${interpolation}`] = (x) =>
      F.perspective(
        x,
        [
          [0, 0],
          [10, 0],
          [10, 8],
          [0, 8],
        ],
        [
          [1, 1],
          [9, 2],
          [11, 7],
          [0, 9],
        ],
        { interpolation, fill: 40 },
      );
    cases[`elastic ${interpolation}`] = (x) => F.elastic(x, displacement(x), { interpolation, fill: 128 });
  }
  cases['rotate 90 expand'] = (x) => F.rotate(x, 90, { expand: true });
  cases['rotate fill for each channel'] = (x) =>
    F.rotate(x, 25, { interpolation: 'bilinear', fill: [10, 128, 250] });
  return cases;
}

const ADJUST = {
  brightness: F.adjustBrightness,
  contrast: F.adjustContrast,
  saturation: F.adjustSaturation,
  sharpness: F.adjustSharpness,
};

function coloured(): Record<string, Change> {
  const cases: Record<string, Change> = {
    rgbToGrayscale: F.rgbToGrayscale,
    'rgbToGrayscale 3': (x) => F.rgbToGrayscale(x, { numOutputChannels: 3 }),
    invert: F.invert,
    autocontrast: F.autocontrast,
    equalize: F.equalize,
  };
  for (const factor of [0, 0.4, 1, 1.7, 2]) {
    for (const [name, adjust] of Object.entries(ADJUST)) {
      cases[`adjust ${name} ${factor}`] = (x) => adjust(x, factor);
    }
  }
  for (const factor of [-0.5, -0.17, 0, 0.3]) cases[`adjust hue ${factor}`] = (x) => F.adjustHue(x, factor);
  cases['adjust gamma 0.5 1'] = (x) => F.adjustGamma(x, 0.5);
  cases['adjust gamma 2.2 1.5'] = (x) => F.adjustGamma(x, 2.2, { gain: 1.5 });
  for (const bits of [0, 1, 3, 8]) cases[`posterize ${bits}`] = (x) => F.posterize(x, bits);
  for (const threshold of [0, 99.5, 128, 255]) {
    cases[`solarize ${threshold}`] = (x) => F.solarize(x, threshold);
  }
  cases['gaussianBlur 3'] = (x) => F.gaussianBlur(x, 3);
  cases['gaussianBlur 5x3'] = (x) => F.gaussianBlur(x, [5, 3], { sigma: [1.3, 0.6] });
  cases['gaussianBlur 1x7'] = (x) => F.gaussianBlur(x, [1, 7], { sigma: 2 });
  const scale = true;
  cases['toDtype int16 and back'] = (x) => F.toDtype(F.toDtype(x, 'int16', { scale }), 'uint8', { scale });
  cases['toDtype float32 and back'] = (x) =>
    F.toDtype(F.toDtype(x, 'float32', { scale }), 'uint8', { scale });
  return cases;
}

/** Functions of an image. */
export const plain: Record<string, Change> = { ...resized(), ...placed, ...turned(), ...coloured() };

/** Transforms that move pixels, of masks too. */
const ofPlace: Record<string, MakeForMasks> = {
  RandomHorizontalFlip: () => new transforms.RandomHorizontalFlip(),
  RandomVerticalFlip: () => new transforms.RandomVerticalFlip(0.4),
  Resize: () => new transforms.Resize([9, 14]),
  CenterCrop: () => new transforms.CenterCrop([8, 9]),
  Pad: () => new transforms.Pad([1, 2], { fill: 3 }),
  'Pad symmetric': () => new transforms.Pad(1, { paddingMode: 'symmetric' }),
  RandomCrop: () => new transforms.RandomCrop([4, 3], { padding: [2, 1], fill: 6 }),
  'RandomCrop edge, if needed': () =>
    new transforms.RandomCrop([12, 11], { padIfNeeded: true, paddingMode: 'edge' }),
  RandomResizedCrop: () => new transforms.RandomResizedCrop([8, 7]),
  RandomRotation: () => new transforms.RandomRotation(35, { interpolation: 'bilinear' }),
  'RandomRotation expand': () => new transforms.RandomRotation([10, 80], { expand: true, fill: 5 }),
  RandomAffine: () =>
    new transforms.RandomAffine(20, {
      translate: [0.2, 0.3],
      scale: [0.7, 1.4],
      shear: [-8, 8, -3, 12],
      interpolation: 'bilinear',
      fill: 7,
    }),
  'RandomAffine shear': () => new transforms.RandomAffine([-5, 30], { shear: 15 }),
  RandomPerspective: () => new transforms.RandomPerspective({ distortionScale: 0.6, p: 0.8, fill: 4 }),
  RandomResize: () => new transforms.RandomResize(5, 12),
  RandomShortestSize: () => new transforms.RandomShortestSize([7, 9, 11], { maxSize: 14 }),
  ScaleJitter: () => new transforms.ScaleJitter([20, 30], { scaleRange: [0.3, 1.2] }),
  RandomZoomOut: () => new transforms.RandomZoomOut({ fill: 8, sideRange: [1, 2.5], p: 0.7 }),
  ElasticTransform: () => new transforms.ElasticTransform({ alpha: 30, sigma: 0.8 }),
};

/** Transforms that leave masks alone. */
const ofColour: Record<string, MakeForMasks> = {
  ColorJitter: () =>
    new transforms.ColorJitter({ brightness: 0.5, contrast: 0.4, saturation: 0.6, hue: 0.3 }),
  'ColorJitter of two': () => new transforms.ColorJitter({ brightness: [0.2, 0.7], hue: [-0.1, 0.5] }),
  RandomPhotometricDistort: () => new transforms.RandomPhotometricDistort(),
  RandomGrayscale: () => new transforms.RandomGrayscale(0.5),
  RandomInvert: () => new transforms.RandomInvert(),
  RandomPosterize: () => new transforms.RandomPosterize(3, { p: 0.6 }),
  RandomSolarize: () => new transforms.RandomSolarize(100, { p: 0.6 }),
  RandomAdjustSharpness: () => new transforms.RandomAdjustSharpness(1.8, { p: 0.7 }),
  RandomAutocontrast: () => new transforms.RandomAutocontrast(0.6),
  RandomEqualize: () => new transforms.RandomEqualize(0.6),
  RandomChannelPermutation: () => new transforms.RandomChannelPermutation(),
  GaussianBlur: () => new transforms.GaussianBlur(3, { sigma: [0.3, 1.9] }),
  GaussianNoise: () => new transforms.GaussianNoise({ mean: 0.05, sigma: 0.2 }),
  RandomErasing: () => new transforms.RandomErasing({ p: 0.8, value: 9 }),
};

const randomErasing: Make = () =>
  new transforms.Compose([
    new transforms.ToDtype('float32'),
    new transforms.RandomErasing({ p: 1, scale: [0.1, 0.5], value: 'random' }),
    new transforms.Lambda((x: Tensor) => x.mul(20).add(100)),
    new transforms.Lambda((x: Tensor) => x.round().clamp(0, 255).to('uint8')),
  ]);

/** Transforms that take no mask. */
const policies: Record<string, Make> = {
  'AutoAugment imagenet': () => new transforms.AutoAugment(),
  'AutoAugment cifar10': () => new transforms.AutoAugment({ policy: 'cifar10' }),
  'AutoAugment svhn': () => new transforms.AutoAugment({ policy: 'svhn' }),
  RandAugment: () => new transforms.RandAugment(),
  'RandAugment 4': () =>
    new transforms.RandAugment({ numOps: 4, magnitude: 20, interpolation: 'bilinear', fill: 90 }),
  TrivialAugmentWide: () => new transforms.TrivialAugmentWide(),
  AugMix: () => new transforms.AugMix(),
  'AugMix of place': () =>
    new transforms.AugMix({ severity: 5, mixtureWidth: 2, chainDepth: 2, alpha: 0.7, allOps: false }),
  RandomApply: () =>
    new transforms.RandomApply([new transforms.RandomInvert(0.5), new transforms.RandomVerticalFlip()], {
      p: 0.6,
    }),
  RandomChoice: () =>
    new transforms.RandomChoice(
      [new transforms.RandomInvert(1), new transforms.RandomVerticalFlip(), new transforms.Pad(1)],
      { p: [1, 2, 3] },
    ),
  RandomOrder: () =>
    new transforms.RandomOrder([
      new transforms.RandomInvert(0.5),
      new transforms.Pad(1, { fill: 30 }),
      new transforms.RandomHorizontalFlip(),
    ]),
};

/** Transforms that draw. */
export const random: Record<string, Make> = {
  ...ofPlace,
  ...ofColour,
  'RandomErasing random': randomErasing,
  ...policies,
};

/** Transforms of an image and its mask. */
export const masked: Record<string, MakeForMasks> = {
  ...ofPlace,
  ColorJitter: ofColour.ColorJitter as MakeForMasks,
  GaussianBlur: ofColour.GaussianBlur as MakeForMasks,
};

/** Transforms of batches. */
export const mixes: Record<string, () => transforms.MixUp | transforms.CutMix> = {
  MixUp: () => new transforms.MixUp({ numClasses: 3 }),
  'MixUp 0.3': () => new transforms.MixUp({ alpha: 0.3, numClasses: 3 }),
  CutMix: () => new transforms.CutMix({ numClasses: 3 }),
  'CutMix 0.6': () => new transforms.CutMix({ alpha: 0.6, numClasses: 3 }),
};
