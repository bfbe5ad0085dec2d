import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import {
  BatchNorm2d,
  Conv2d,
  InstanceNorm2d,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  type Sequential,
} from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { normRelu } from '../blocks/fused-norm.ts';
import { GlobalAvgPool2d } from '../blocks/global-avg-pool.ts';
import { A, checkDepths, checkPlacements, type IBNConfig } from '../blocks/placement.ts';
import { Bottleneck_IBN } from '../blocks/residual-blocks.ts';
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
import type { Depths } from './resnet-ibn.ts';

/** Options of ResNeXt_IBN. */
export interface ResNeXtIBNOptions extends StrideOptions {
  /** Width of a group for 64 planes. Default 4. */
  baseWidth?: number;
  /** Number of groups. Default 32. */
  cardinality?: number;
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
  /** Pooling before the classifier, to 1x1. Default `GlobalAvgPool2d`. */
  avgpool?: Module;
}

/** Options of the entry points such as `resnext101_ibn_a`. */
export interface ResNeXtEntryOptions extends ResNeXtIBNOptions, PretrainedOption {}

const OPTIONS = [
  'baseWidth',
  'cardinality',
  'numClasses',
  'inChannels',
  'ibnCfg',
  'ratio',
  'widths',
  'avgpool',
  ...STRIDE_OPTIONS,
];

/**
 * ResNeXt with instance-batch normalisation, as the published `ResNeXt_IBN`: the same keys, initial weights under
 * the same seed, and outputs. (N, C, H, W) -> logits (N, numClasses).
 *
 * The published functions take `baseWidth` and `cardinality` only, so 1000 classes, and 224x224 images; these take
 * other counts and sizes too.
 *
 * @example
 * new models.ResNeXt_IBN([3, 4, 6, 3], { baseWidth: 4, cardinality: 32 });
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class ResNeXt_IBN extends Module {
  readonly ibnCfg: IBNConfig;
  /** The outputs that `createFeatureExtractor` gives, in order. */
  readonly featureInfo: readonly FeatureInfo[];

  /**
   * @param layers Blocks of each stage, such as `[3, 4, 6, 3]`.
   * @throws RangeError on an unknown option, placement or output stride.
   */
  constructor(layers: Depths, options: ResNeXtIBNOptions = {}) {
    checkPositions('ResNeXt_IBN', arguments, 2);
    super();
    checkDepths('ResNeXt_IBN', layers);
    checkOptions('ResNeXt_IBN', options, OPTIONS);
    const { baseWidth = 4, cardinality = 32, numClasses = 1000, inChannels = 3 } = options;
    const { ibnCfg = A, ratio = 0.5, widths = [64, 128, 256, 512] } = options;
    checkPlacements(ibnCfg);
    const [inplanes] = widths;
    const { expansion } = Bottleneck_IBN;
    const strides = stageStrides('ResNeXt_IBN', options, 4);
    const { dilateFirst } = options;
    const make = stageMaker(Bottleneck_IBN, { inplanes, ratio, groups: cardinality, baseWidth, dilateFirst });
    const stage = (i: 0 | 1 | 2 | 3) => make(widths[i], layers[i], { ...strides[i], ibn: ibnCfg[i] });
    this.ibnCfg = ibnCfg;
    this.conv1 = new Conv2d(inChannels, inplanes, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = ibnCfg[0] === 'b' ? new InstanceNorm2d(inplanes, { affine: true }) : new BatchNorm2d(inplanes);
    this.relu = new ReLU({ inplace: true });
    this.maxpool1 = new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.avgpool = options.avgpool ?? new GlobalAvgPool2d();
    this.fc = new Linear(widths[3] * expansion, numClasses);
    const channels = [inplanes, ...widths.map((planes) => planes * expansion)];
    this.featureInfo = residualFeatures(channels, [2, 4], strides);
    // The published code draws the stem's weights once more before all others.
    initConv(this.conv1);
    for (const module of this.modules()) if (module instanceof Conv2d) initConv(module);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = call(this.conv1, x); // (N, 64, 112, 112) for a 224x224 image
      out = normRelu(this.bn1, this.relu, out);
      out = forwardThenRelease(this.maxpool1, out); // (N, 64, 56, 56)
      out = forwardThenRelease(this.layer1, out); // (N, 256, 56, 56)
      out = forwardThenRelease(this.layer2, out); // (N, 512, 28, 28)
      out = forwardThenRelease(this.layer3, out); // (N, 1024, 14, 14)
      out = forwardThenRelease(this.layer4, out); // (N, 2048, 7, 7)
      out = forwardThenRelease(this.avgpool, out); // (N, 2048, 1, 1)
      return call(this.fc, ops.aten.flatten(out, 1)); // (N, numClasses)
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface ResNeXt_IBN {
  get conv1(): Conv2d;
  set conv1(module: Module);
  get bn1(): InstanceNorm2d | BatchNorm2d;
  set bn1(module: Module);
  get relu(): ReLU;
  set relu(module: Module);
  get maxpool1(): MaxPool2d;
  set maxpool1(module: Module);
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

function build(name: string, layers: Depths, options: ResNeXtEntryOptions): ResNeXt_IBN {
  return buildEntry(name, OPTIONS, options, (given: ResNeXtIBNOptions) => new ResNeXt_IBN(layers, given));
}

/** ResNeXt-50-IBN-a (32x4d). */
export function resnext50_ibn_a(options: ResNeXtEntryOptions = {}): ResNeXt_IBN {
  checkPositions('resnext50_ibn_a', arguments, 1);
  return build('resnext50_ibn_a', [3, 4, 6, 3], options);
}

/** ResNeXt-101-IBN-a (32x4d). */
export function resnext101_ibn_a(options: ResNeXtEntryOptions = {}): ResNeXt_IBN {
  checkPositions('resnext101_ibn_a', arguments, 1);
  return build('resnext101_ibn_a', [3, 4, 23, 3], options);
}

/** ResNeXt-152-IBN-a (32x4d). */
export function resnext152_ibn_a(options: ResNeXtEntryOptions = {}): ResNeXt_IBN {
  checkPositions('resnext152_ibn_a', arguments, 1);
  return build('resnext152_ibn_a', [3, 8, 36, 3], options);
}
