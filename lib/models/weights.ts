/** Top-1 and top-5 error on ImageNet's validation set, in percent, of the centre crop. */
export interface ErrorRates {
  readonly top1: number;
  readonly top5: number;
}

/** How images are prepared for the published weights. */
export interface Preprocessing {
  /** Length of the shorter side after resizing. */
  readonly resize: number;
  /** Side of the crop from the middle. */
  readonly crop: number;
  readonly interpolation: 'bilinear';
  /** Of red, green and blue in [0, 1]. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** A published file of weights. */
export interface PublishedWeights {
  readonly file: string;
  /** The first eight hexadecimal digits of the file's sha256. */
  readonly sha256Prefix: string;
  /** The folder the file was published in; ends in a slash. */
  readonly baseUrl: string;
  /** What the README gives, or the paper where the README has no row; null where neither does. */
  readonly error: ErrorRates | null;
  readonly errorSource: 'README' | 'paper' | null;
  /** What the file itself scores where the two differ: the README's figures are those of a slower first version. */
  readonly releasedError: ErrorRates | null;
  readonly releasedErrorSource: string | null;
  readonly preprocessing: Preprocessing;
  readonly classes: 'imagenet1k';
}

/** The folder of the published files: the IBN-Net repository's release v1.0. */
export const RELEASE_URL = 'https://github.com/XingangPan/IBN-Net/releases/download/v1.0/';

const PREPROCESSING: Preprocessing = {
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

type Errors = readonly [top1: number, top5: number, source?: 'paper'];

const RELEASED_SOURCE = 'the README of 2019 and the evaluation in osmr/imgclsmob';

function weights(name: string, sha256Prefix: string, error?: Errors, released?: Errors): PublishedWeights {
  const rates = (pair: Errors | undefined) => (pair === undefined ? null : { top1: pair[0], top5: pair[1] });
  return {
    file: `${name}-${sha256Prefix}.pth`,
    sha256Prefix,
    baseUrl: RELEASE_URL,
    error: rates(error),
    errorSource: error === undefined ? null : (error[2] ?? 'README'),
    releasedError: rates(released),
    releasedErrorSource: released === undefined ? null : RELEASED_SOURCE,
    preprocessing: PREPROCESSING,
    classes: 'imagenet1k',
  };
}

/** Every file of the release, by the model it is for. */
export const publishedWeights: Readonly<Record<string, PublishedWeights>> = {
  resnet18_ibn_a: weights('resnet18_ibn_a', '2f571257', [29.17, 10.24]),
  resnet34_ibn_a: weights('resnet34_ibn_a', '94bc1577', [25.78, 8.19]),
  resnet50_ibn_a: weights('resnet50_ibn_a', 'd9d0bb7b', [22.54, 6.32], [22.76, 6.41]),
  resnet101_ibn_a: weights('resnet101_ibn_a', '59ea0ac6', [21.39, 5.59], [21.29, 5.61]),
  resnet18_ibn_b: weights('resnet18_ibn_b', 'bc2f3c11'),
  resnet34_ibn_b: weights('resnet34_ibn_b', '04134c37'),
  resnet50_ibn_b: weights('resnet50_ibn_b', '9ca61e85', [23.64, 6.86, 'paper']),
  resnet101_ibn_b: weights('resnet101_ibn_b', 'c55f6dba'),
  resnext101_ibn_a: weights('resnext101_ibn_a', '6ace051d', [20.88, 5.42]),
  se_resnet101_ibn_a: weights('se_resnet101_ibn_a', 'fabed4e2', [21.25, 5.51]),
  densenet121_ibn_a: weights('densenet121_ibn_a', 'e4af5cc1', [24.47, 7.25]),
  densenet169_ibn_a: weights('densenet169_ibn_a', '9f32c161', [23.25, 6.51]),
};

/** The published weights of a model, or undefined where none were published. */
export function weightsOf(model: string): PublishedWeights | undefined {
  return Object.hasOwn(publishedWeights, model) ? publishedWeights[model] : undefined;
}
