import {
  BatchNorm2d,
  Conv2d,
  Identity,
  InstanceNorm2d,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../nn/index.ts';
import { step } from '../nn/step.ts';
import { checkOptions } from '../options.ts';
import { ops, release, type Tensor } from '../tensor/index.ts';
import { GlobalAvgPool2d } from './global-avg-pool.ts';
import { IBN } from './ibn.ts';
import { loadPretrained } from './pretrained.ts';

/**
 * Where a stage has instance normalisation: `'a'` half the channels after each block's first convolution, `'b'`
 * after the addition in the stage's last block, null nowhere. For the first stage `'b'` includes the stem.
 */
export type IBNPlacement = 'a' | 'b' | null;

/** One placement per stage. */
export type IBNConfig = readonly [IBNPlacement, IBNPlacement, IBNPlacement, IBNPlacement];

/** Options of a residual block. */
export interface BlockOptions {
  ibn?: IBNPlacement;
  /** Default 1. */
  stride?: number;
  /** Brings the residual to the block's output shape. */
  downsample?: Sequential | null;
  /** Share of instance normalisation in IBN layers. Default 0.5. */
  ratio?: number;
}

/** A residual block class: `BasicBlock_IBN` or `Bottleneck_IBN`. */
export interface BlockClass {
  new (inplanes: number, planes: number, options?: BlockOptions): BasicBlock_IBN | Bottleneck_IBN;
  readonly expansion: number;
}

/** Options of ResNet_IBN, all of them plain values but `avgpool`. */
export interface ResNetIBNOptions {
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
  /** `'imagenet'`: 7x7 stride 2 and max-pooling. `'small'`, for images of about 32x32: 3x3 stride 1. */
  stem?: 'imagenet' | 'small';
  /** Pooling before the classifier, to 1x1. Default `GlobalAvgPool2d`. */
  avgpool?: Module;
}

/** Options of the entry points such as `resnet50_ibn_a`. */
export interface EntryOptions extends ResNetIBNOptions {
  /** Load the published weights. Default false. */
  pretrained?: boolean;
}

const OPTIONS = ['numClasses', 'inChannels', 'ibnCfg', 'ratio', 'widths', 'stem', 'avgpool'];

function conv3x3(inplanes: number, planes: number, stride = 1): Conv2d {
  return new Conv2d(inplanes, planes, 3, { stride, padding: 1, bias: false });
}

function conv1x1(inplanes: number, planes: number, stride = 1): Conv2d {
  return new Conv2d(inplanes, planes, 1, { stride, bias: false });
}

/** Two 3x3 convolutions around which the input is added: the block of ResNet-18 and -34. */
export class BasicBlock_IBN extends Module {
  static readonly expansion: number = 1;
  static override disposesTemporaries = true;

  conv1: Conv2d;
  bn1: IBN | BatchNorm2d;
  relu: ReLU;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  IN: InstanceNorm2d | null;
  downsample: Sequential | null;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const { ibn = null, stride = 1, downsample = null, ratio = 0.5 } = options;
    this.conv1 = conv3x3(inplanes, planes, stride);
    this.bn1 = ibn === 'a' ? new IBN(planes, ratio) : new BatchNorm2d(planes);
    this.relu = new ReLU({ inplace: true });
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = new BatchNorm2d(planes);
    this.IN = ibn === 'b' ? new InstanceNorm2d(planes, { affine: true }) : null;
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    const residual = this.downsample === null ? x : this.downsample.forward(x);
    let out = this.conv1.forward(x); // (N, planes, H / stride, W / stride)
    out = step(this.bn1, out);
    out = step(this.relu, out);
    out = step(this.conv2, out);
    out = step(this.bn2, out);
    out = ops.aten.add_(out, residual);
    if (residual !== x) release(residual);
    if (this.IN !== null) out = step(this.IN, out);
    return step(this.relu, out);
  }
}

/** 1x1, 3x3 and 1x1 convolutions around which the input is added: the block of ResNet-50, -101 and -152. */
export class Bottleneck_IBN extends Module {
  static readonly expansion: number = 4;
  static override disposesTemporaries = true;

  conv1: Conv2d;
  bn1: IBN | BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  conv3: Conv2d;
  bn3: BatchNorm2d;
  IN: InstanceNorm2d | null;
  relu: ReLU;
  downsample: Sequential | null;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const { ibn = null, stride = 1, downsample = null, ratio = 0.5 } = options;
    const width = planes * Bottleneck_IBN.expansion;
    this.conv1 = conv1x1(inplanes, planes);
    this.bn1 = ibn === 'a' ? new IBN(planes, ratio) : new BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes, stride);
    this.bn2 = new BatchNorm2d(planes);
    this.conv3 = conv1x1(planes, width);
    this.bn3 = new BatchNorm2d(width);
    this.IN = ibn === 'b' ? new InstanceNorm2d(width, { affine: true }) : null;
    this.relu = new ReLU({ inplace: true });
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    const residual = this.downsample === null ? x : this.downsample.forward(x);
    let out = this.conv1.forward(x); // (N, planes, H, W)
    out = step(this.bn1, out);
    out = step(this.relu, out);
    out = step(this.conv2, out); // (N, planes, H / stride, W / stride)
    out = step(this.bn2, out);
    out = step(this.relu, out);
    out = step(this.conv3, out); // (N, 4 planes, H / stride, W / stride)
    out = step(this.bn3, out);
    out = ops.aten.add_(out, residual);
    if (residual !== x) release(residual);
    if (this.IN !== null) out = step(this.IN, out);
    return step(this.relu, out);
  }
}

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
 */
export class ResNet_IBN extends Module {
  static override disposesTemporaries = true;

  conv1: Conv2d;
  bn1: InstanceNorm2d | BatchNorm2d;
  relu: ReLU;
  maxpool: MaxPool2d | Identity;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  avgpool: Module;
  fc: Linear;

  /**
   * @param block `BasicBlock_IBN` or `Bottleneck_IBN`.
   * @param layers Blocks of each stage, such as `[3, 4, 6, 3]`.
   * @throws RangeError on an unknown option or placement.
   */
  constructor(
    block: BlockClass,
    layers: readonly [number, number, number, number],
    options: ResNetIBNOptions = {},
  ) {
    super();
    checkOptions('ResNet_IBN', options, OPTIONS);
    const { numClasses = 1000, inChannels = 3, ibnCfg = ['a', 'a', 'a', null], ratio = 0.5 } = options;
    const { widths = [64, 128, 256, 512], stem = 'imagenet' } = options;
    checkPlacements(ibnCfg);
    const make = stageMaker(block, widths[0], ratio);
    this.conv1 = stemConv(stem, inChannels, widths[0]);
    this.bn1 =
      ibnCfg[0] === 'b' ? new InstanceNorm2d(widths[0], { affine: true }) : new BatchNorm2d(widths[0]);
    this.relu = new ReLU({ inplace: true });
    this.maxpool = stem === 'small' ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = make(widths[0], layers[0], 1, ibnCfg[0]);
    this.layer2 = make(widths[1], layers[1], 2, ibnCfg[1]);
    this.layer3 = make(widths[2], layers[2], 2, ibnCfg[2]);
    this.layer4 = make(widths[3], layers[3], 2, ibnCfg[3]);
    this.avgpool = options.avgpool ?? new GlobalAvgPool2d();
    this.fc = new Linear(widths[3] * block.expansion, numClasses);
    for (const module of this.modules()) if (module instanceof Conv2d) initConv(module);
  }

  forward(x: Tensor): Tensor {
    let out = this.conv1.forward(x); // (N, 64, 112, 112) for a 224x224 image
    out = step(this.bn1, out);
    out = step(this.relu, out);
    out = step(this.maxpool, out); // (N, 64, 56, 56)
    out = step(this.layer1, out); // (N, 64 e, 56, 56), e the block's expansion
    out = step(this.layer2, out); // (N, 128 e, 28, 28)
    out = step(this.layer3, out); // (N, 256 e, 14, 14)
    out = step(this.layer4, out); // (N, 512 e, 7, 7)
    out = step(this.avgpool, out); // (N, 512 e, 1, 1)
    return this.fc.forward(ops.aten.flatten(out, 1)); // (N, numClasses)
  }
}

function checkPlacements(ibnCfg: IBNConfig): void {
  if (ibnCfg.length !== 4) throw new RangeError(`Expected 4 placements for ibnCfg, got ${ibnCfg.length}`);
  for (const placement of ibnCfg) {
    if (placement === 'a' || placement === 'b' || placement === null) continue;
    throw new RangeError(`Expected placements 'a', 'b' or null for ibnCfg, got "${String(placement)}"`);
  }
}

function stemConv(stem: 'imagenet' | 'small', inChannels: number, planes: number): Conv2d {
  if (stem === 'small') return new Conv2d(inChannels, planes, 3, { padding: 1, bias: false });
  if (stem === 'imagenet') return new Conv2d(inChannels, planes, 7, { stride: 2, padding: 3, bias: false });
  throw new RangeError(`Expected stem "imagenet" or "small" for ResNet_IBN, got "${String(stem)}"`);
}

type StageMaker = (planes: number, blocks: number, stride: number, ibn: IBNPlacement) => Sequential;

/** Builds the stages in turn, each from the channels the one before it gives. */
function stageMaker(block: BlockClass, stemPlanes: number, ratio: number): StageMaker {
  let inplanes = stemPlanes;
  return (planes, blocks, stride, ibn) => {
    const width = planes * block.expansion;
    // Built before the block's own convolutions: the order in which random numbers are drawn.
    const downsample =
      stride === 1 && inplanes === width
        ? null
        : new Sequential(conv1x1(inplanes, width, stride), new BatchNorm2d(width));
    const stage = new Sequential();
    for (let i = 0; i < blocks; i++) {
      const placement = ibn === 'b' && (i === 0 || i < blocks - 1) ? null : ibn;
      const first = i === 0 ? { stride, downsample } : {};
      stage.add(new block(inplanes, planes, { ibn: placement, ratio, ...first }));
      inplanes = width;
    }
    return stage;
  };
}

/** He initialisation over the outputs; norm layers start at 1 and 0, and `fc` keeps PyTorch's default. */
function initConv({ weight, kernelSize, outChannels }: Conv2d): void {
  init.normal_(weight, 0, Math.sqrt(2 / (kernelSize[0] * kernelSize[1] * outChannels)));
}

const A: IBNConfig = ['a', 'a', 'a', null];
const B: IBNConfig = ['b', 'b', null, null];
type Depths = readonly [number, number, number, number];

function build(
  name: string,
  block: BlockClass,
  layers: Depths,
  ibnCfg: IBNConfig,
  options: EntryOptions,
): ResNet_IBN {
  checkOptions(name, options, [...OPTIONS, 'pretrained']);
  const { pretrained = false, ...rest } = options;
  const model = new ResNet_IBN(block, layers, { ibnCfg, ...rest });
  if (pretrained) loadPretrained(name, model);
  return model;
}

/** ResNet-18-IBN-a. */
export function resnet18_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet18_ibn_a', BasicBlock_IBN, [2, 2, 2, 2], A, options);
}

/** ResNet-34-IBN-a. */
export function resnet34_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet34_ibn_a', BasicBlock_IBN, [3, 4, 6, 3], A, options);
}

/** ResNet-50-IBN-a. */
export function resnet50_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet50_ibn_a', Bottleneck_IBN, [3, 4, 6, 3], A, options);
}

/** ResNet-101-IBN-a. */
export function resnet101_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet101_ibn_a', Bottleneck_IBN, [3, 4, 23, 3], A, options);
}

/** ResNet-152-IBN-a. */
export function resnet152_ibn_a(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet152_ibn_a', Bottleneck_IBN, [3, 8, 36, 3], A, options);
}

/** ResNet-18-IBN-b. */
export function resnet18_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet18_ibn_b', BasicBlock_IBN, [2, 2, 2, 2], B, options);
}

/** ResNet-34-IBN-b. */
export function resnet34_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet34_ibn_b', BasicBlock_IBN, [3, 4, 6, 3], B, options);
}

/** ResNet-50-IBN-b. */
export function resnet50_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet50_ibn_b', Bottleneck_IBN, [3, 4, 6, 3], B, options);
}

/** ResNet-101-IBN-b. */
export function resnet101_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet101_ibn_b', Bottleneck_IBN, [3, 4, 23, 3], B, options);
}

/** ResNet-152-IBN-b. */
export function resnet152_ibn_b(options: EntryOptions = {}): ResNet_IBN {
  return build('resnet152_ibn_b', Bottleneck_IBN, [3, 8, 36, 3], B, options);
}
