import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import {
  BatchNorm2d,
  Conv2d,
  Identity,
  InstanceNorm2d,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  type Sequential,
} from '../../nn/index.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { normRelu } from '../blocks/fused-norm.ts';
import { GlobalAvgPool2d } from '../blocks/global-avg-pool.ts';
import { A, B, checkDepths, checkPlacements, type IBNConfig } from '../blocks/placement.ts';
import { BasicBlock_IBN, type BlockClass, Bottleneck_IBN } from '../blocks/residual-blocks.ts';
import {
  initConv,
  residualFeatures,
  STRIDE_OPTIONS,
  type StrideOptions,
  stageMaker,
  stageStrides,
} from '../blocks/residual-stages.ts';
import type { FeatureInfo } from '../features.ts';
import { buildEntry, type PretrainedOption } from '../pretrained.ts';

/** Options of ResNet_IBN, all of them plain values but `avgpool`. */
export interface ResNetIBNOptions extends StrideOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Placement per stage. Default `['a', 'a', 'a', null]`. */
  ibnCfg?: IBNConfig;
  /** Share of instance normalisation in IBN layers, 0 to 1. Default 0.5. */
  ratio?: number;
  /** Planes of the four stages; the stem has the first. Default `[64, 128, 256, 512]`. */
  widths?: readonly [number, number, number, number];
  /** Groups of the 3x3 convolutions; bottleneck blocks only. Default 1. */
  groups?: number;
  /** Width of a group for 64 planes; bottleneck blocks only. Default 64. */
  widthPerGroup?: number;
  /** `'imagenet'`: 7x7 stride 2 and max-pooling. `'small'`, for images of about 32x32: 3x3 stride 1. */
  stem?: 'imagenet' | 'small';
  /** Pooling before the classifier, to 1x1. Default `GlobalAvgPool2d`. */
  avgpool?: Module;
}

/** Options of the entry points such as `resnet50_ibn_a`. */
export interface EntryOptions extends ResNetIBNOptions, PretrainedOption {}

/** Blocks of each stage. */
export type Depths = readonly [number, number, number, number];

export const OPTIONS = [
  'numClasses',
  'inChannels',
  'ibnCfg',
  'ratio',
  'widths',
  'groups',
  'widthPerGroup',
  'stem',
  'avgpool',
  ...STRIDE_OPTIONS,
];

/**
 * ResNet with instance-batch normalisation, as the published `ResNet_IBN`: the same keys, initial weights under the
 * same seed, and outputs. (N, C, H, W) -> logits (N, numClasses).
 *
 * The published network ends in `AvgPool2d(7)` and so takes 224x224 images only. This one averages the whole map:
 * the same bit for bit at 224x224, and defined at any size. Pass `avgpool: new nn.AvgPool2d(7)` for the original.
 *
 * @example
 * // For 28x28 grayscale images
 * new models.ResNet_IBN(models.BasicBlock_IBN, [2, 2, 2, 2], {
 *   inChannels: 1, numClasses: 10, stem: 'small', widths: [16, 32, 64, 128],
 * });
 * @example
 * // IBN-b and -d where the paper has IBN-a, for dense prediction at one eighth of the size
 * new models.ResNet_IBN(models.Bottleneck_IBN, [3, 4, 6, 3], { ibnCfg: ['b', 'd', 'd', null], outputStride: 8 });
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class ResNet_IBN extends Module {
  readonly ibnCfg: IBNConfig;
  /** The outputs that `createFeatureExtractor` gives, in order. */
  readonly featureInfo: readonly FeatureInfo[];

  /**
   * @param block `BasicBlock_IBN`, `Bottleneck_IBN` or `SEBottleneck_IBN`.
   * @param layers Blocks of each stage, such as `[3, 4, 6, 3]`.
   * @throws RangeError on an unknown option, placement or output stride.
   */
  constructor(block: BlockClass, layers: Depths, options: ResNetIBNOptions = {}) {
    checkPositions('ResNet_IBN', arguments, 3);
    super();
    if (typeof block !== 'function')
      throw new TypeError(
        `Expected a class of blocks, such as Bottleneck_IBN, for ResNet_IBN, got ${describeValue(block)}`,
      );
    checkDepths(this.constructor.name, layers);
    checkOptions(this.constructor.name, options, OPTIONS);
    const { numClasses = 1000, inChannels = 3, ibnCfg = A, ratio = 0.5 } = options;
    const { widths = [64, 128, 256, 512], stem = 'imagenet', groups = 1, widthPerGroup = 64 } = options;
    checkPlacements(ibnCfg);
    const [inplanes] = widths;
    const strides = stageStrides(this.constructor.name, options, stem === 'small' ? 1 : 4);
    const { dilateFirst } = options;
    const make = stageMaker(block, { inplanes, ratio, groups, baseWidth: widthPerGroup, dilateFirst });
    const stage = (i: 0 | 1 | 2 | 3) => make(widths[i], layers[i], { ...strides[i], ibn: ibnCfg[i] });
    this.ibnCfg = ibnCfg;
    this.conv1 = stemConv(stem, inChannels, inplanes);
    this.bn1 = ibnCfg[0] === 'b' ? new InstanceNorm2d(inplanes, { affine: true }) : new BatchNorm2d(inplanes);
    this.relu = new ReLU({ inplace: true });
    this.maxpool = stem === 'small' ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.avgpool = options.avgpool ?? new GlobalAvgPool2d();
    this.fc = new Linear(widths[3] * block.expansion, numClasses);
    const channels = [inplanes, ...widths.map((planes) => planes * block.expansion)];
    this.featureInfo = residualFeatures(channels, stem === 'small' ? [1, 1] : [2, 4], strides);
    this.initConvs();
  }

  /** Draws the convolutions' weights, in the order of registration. */
  protected initConvs(): void {
    for (const module of this.modules()) if (module instanceof Conv2d) initConv(module);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = call(this.conv1, x); // (N, 64, 112, 112) for a 224x224 image
      out = normRelu(this.bn1, this.relu, out);
      out = forwardThenRelease(this.maxpool, out); // (N, 64, 56, 56)
      out = forwardThenRelease(this.layer1, out); // (N, 64 e, 56, 56), e the block's expansion
      out = forwardThenRelease(this.layer2, out); // (N, 128 e, 28, 28)
      out = forwardThenRelease(this.layer3, out); // (N, 256 e, 14, 14)
      out = forwardThenRelease(this.layer4, out); // (N, 512 e, 7, 7)
      out = forwardThenRelease(this.avgpool, out); // (N, 512 e, 1, 1)
      return call(this.fc, ops.aten.flatten(out, 1)); // (N, numClasses)
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface ResNet_IBN {
  get conv1(): Conv2d;
  set conv1(module: Module);
  get bn1(): InstanceNorm2d | BatchNorm2d;
  set bn1(module: Module);
  get relu(): ReLU;
  set relu(module: Module);
  get maxpool(): MaxPool2d | Identity;
  set maxpool(module: Module);
  get layer1(): Sequential;
  set layer1(module: Module);
  get layer2(): Sequential;
  set layer2(module: Module);
  get layer3(): Sequential;
  set layer3(module: Module);
  get layer4(): Sequential;
  set layer4(module: Module);
  get avgpool(): Module;
  set avgpool(module: Module);
  get fc(): Linear;
  set fc(module: Module);
}

function stemConv(stem: 'imagenet' | 'small', inChannels: number, planes: number): Conv2d {
  if (stem === 'small') return new Conv2d(inChannels, planes, 3, { padding: 1, bias: false });
  if (stem === 'imagenet') return new Conv2d(inChannels, planes, 7, { stride: 2, padding: 3, bias: false });
  throw new RangeError(`Expected stem "imagenet" or "small" for ResNet_IBN, got "${String(stem)}"`);
}

/** Builds a ResNet_IBN for the entry point `name`. */
export function buildResNet(
  name: string,
  block: BlockClass,
  layers: Depths,
  defaults: ResNetIBNOptions,
  options: EntryOptions,
): ResNet_IBN {
  const make = (given: ResNetIBNOptions) => new ResNet_IBN(block, layers, { ...defaults, ...given });
  return buildEntry(name, OPTIONS, options, make);
}

/** ResNet-18-IBN-a. */
export function resnet18_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet18_ibn_a', arguments, 1);
  return buildResNet('resnet18_ibn_a', BasicBlock_IBN, [2, 2, 2, 2], { ibnCfg: A }, options);
}

/** ResNet-34-IBN-a. */
export function resnet34_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet34_ibn_a', arguments, 1);
  return buildResNet('resnet34_ibn_a', BasicBlock_IBN, [3, 4, 6, 3], { ibnCfg: A }, options);
}

/** ResNet-50-IBN-a. */
export function resnet50_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet50_ibn_a', arguments, 1);
  return buildResNet('resnet50_ibn_a', Bottleneck_IBN, [3, 4, 6, 3], { ibnCfg: A }, options);
}

/** ResNet-101-IBN-a. */
export function resnet101_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet101_ibn_a', arguments, 1);
  return buildResNet('resnet101_ibn_a', Bottleneck_IBN, [3, 4, 23, 3], { ibnCfg: A }, options);
}

/** ResNet-152-IBN-a. */
export function resnet152_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet152_ibn_a', arguments, 1);
  return buildResNet('resnet152_ibn_a', Bottleneck_IBN, [3, 8, 36, 3], { ibnCfg: A }, options);
}

/** ResNet-18-IBN-b. */
export function resnet18_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet18_ibn_b', arguments, 1);
  return buildResNet('resnet18_ibn_b', BasicBlock_IBN, [2, 2, 2, 2], { ibnCfg: B }, options);
}

/** ResNet-34-IBN-b. */
export function resnet34_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet34_ibn_b', arguments, 1);
  return buildResNet('resnet34_ibn_b', BasicBlock_IBN, [3, 4, 6, 3], { ibnCfg: B }, options);
}

/** ResNet-50-IBN-b. */
export function resnet50_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet50_ibn_b', arguments, 1);
  return buildResNet('resnet50_ibn_b', Bottleneck_IBN, [3, 4, 6, 3], { ibnCfg: B }, options);
}

/** ResNet-101-IBN-b. */
export function resnet101_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet101_ibn_b', arguments, 1);
  return buildResNet('resnet101_ibn_b', Bottleneck_IBN, [3, 4, 23, 3], { ibnCfg: B }, options);
}

/** ResNet-152-IBN-b. */
export function resnet152_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet152_ibn_b', arguments, 1);
  return buildResNet('resnet152_ibn_b', Bottleneck_IBN, [3, 8, 36, 3], { ibnCfg: B }, options);
}
