import type { ErrorRates, PublishedWeights } from '../models/index.ts';
import { networkTitle } from '../models/title.ts';

const WHERE: Record<string, string> = {
  a: 'instance normalisation (IN) beside batch normalisation (BN) after the first convolution of each block in stages 1 to 3',
  b: 'instance normalisation (IN) in the stem and after the addition in the last block of stages 1 and 2',
  dense:
    'instance normalisation (IN) beside batch normalisation (BN) at the start of every third layer of dense blocks 1 to 3',
};

const COMMON: Record<string, string> = {
  pretrained: 'fill it with the published weights (default false)',
  numClasses: 'default 1000',
  inChannels: 'channels of the images (default 3)',
};

const RESIDUAL: Record<string, string> = {
  ratio: 'share of IN in IBN layers, 0 to 1 (default 0.5)',
  widths: 'planes of the four stages (default [64, 128, 256, 512])',
  replaceStrideWithDilation: 'dilation for stride in stages 2 to 4 (default [false, false, false])',
  outputStride: 'the same by the stride of the last map: 8, 16 or 32 (default 32)',
  dilateFirst:
    "whether a dilated stage's first block is dilated as its others are, as in PSPNet (default false)",
  lastStride: 'stride of stage 4: 2 (default), or 1 as in Re-ID',
  avgpool: 'pooling before the classifier (default GlobalAvgPool2d; the original has new nn.AvgPool2d(7))',
};

const OPTIONS: Record<string, Record<string, string>> = {
  resnet: {
    ...RESIDUAL,
    groups: 'groups of the 3x3 convolutions (default 1; not in 18 and 34)',
    widthPerGroup: 'width of a group for 64 planes (default 64; not in 18 and 34)',
    stem: "'imagenet' (default), or 'small' for images of about 32x32",
  },
  resnext: {
    ...RESIDUAL,
    baseWidth: 'width of a group for 64 planes (default 4)',
    cardinality: 'number of groups (default 32)',
  },
  densenet: {
    ratio: 'share of IN in IBN layers, 0 to 1 (default 0.4)',
    growthRate: 'channels that each layer adds',
    blockConfig: 'layers of each dense block',
    numInitFeatures: 'channels of the stem',
    bnSize: "channels between a layer's two convolutions, in growth rates (default 4)",
    dropRate: 'probability of dropout after each layer (default 0)',
    avgpool: 'pooling before the classifier (default GlobalAvgPool2d; the original has new nn.AvgPool2d(7))',
  },
};

/** The documentation of an entry point such as `resnet50_ibn_a`. */
export function describeEntry(entry: string, weights: PublishedWeights | undefined): string {
  const [, family = '', variant = ''] = /^(\D+)\d+_ibn_(\w)$/.exec(entry) ?? [];
  const isDense = family === 'densenet';
  const placements = isDense
    ? "'a' or null for each dense block (default ['a', 'a', 'a', null])"
    : `null, 'a', 'b', 'c', 'd', 'ad' or 'aa' for each stage (default ${variant === 'a' ? "['a', 'a', 'a', null]" : "['b', 'b', null, null]"})`;
  const options = {
    ...COMMON,
    ibnCfg: placements,
    ...OPTIONS[family === 'se_resnet' ? 'resnet' : family],
  };
  return [
    `${networkTitle(entry)}, an ImageNet classifier with ${WHERE[isDense ? 'dense' : variant]}.`,
    'Images (N, 3, H, W) -> logits (N, numClasses).',
    '',
    'Options:',
    ...Object.entries(options).map(([name, text]) => `  ${name}: ${text}`),
    '',
    ...describeWeights(entry, weights),
  ].join('\n');
}

function describeWeights(entry: string, weights: PublishedWeights | undefined): string[] {
  if (weights === undefined) return ['Weights: none were published'];
  const { file, error, errorSource, releasedError, releasedErrorSource } = weights;
  const { resize, crop, interpolation, mean, std } = weights.preprocessing;
  return [
    `Weights: ${file}`,
    `  published error: ${error ? `${percent(error)} (${errorSource})` : 'none was published'}`,
    ...(releasedError ? [`  error of the file: ${percent(releasedError)} (${releasedErrorSource})`] : []),
    `  input: RGB in [0, 1], shorter side to ${resize} (${interpolation}), middle ${crop}x${crop},`,
    `    mean ${mean.join(', ')}, deviation ${std.join(', ')}: hub.weights('${entry}').transforms()`,
    `  classes: ImageNet's 1,000, hub.weights('${entry}').classes`,
  ];
}

function percent({ top1, top5 }: ErrorRates): string {
  return `top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} %`;
}
