import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { fusedNorm, type NormParts } from '../../nn/ibn-ops.ts';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  functional,
  InstanceNorm2d,
  Linear,
  type LoadContext,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../../nn/index.ts';
import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { normRelu } from '../blocks/fused-norm.ts';
import { GlobalAvgPool2d } from '../blocks/global-avg-pool.ts';
import { checkPlanes, checkRatio, splitChannels } from '../blocks/ibn.ts';
import { checkPlacements } from '../blocks/placement.ts';
import type { FeatureInfo } from '../features.ts';
import { buildEntry, type PretrainedOption } from '../pretrained.ts';

/** For each dense block, `'a'` (IBN in every third layer) or null. */
export type DenseNetIBNConfig = readonly ['a' | null, 'a' | null, 'a' | null, 'a' | null];

/** Options of DenseNet_IBN, all of them plain values but `avgpool`. */
export interface DenseNetIBNOptions {
  /** Channels that each layer adds. Default 32. */
  growthRate?: number;
  /** Layers of each block. Default `[6, 12, 24, 16]`. */
  blockConfig?: readonly [number, number, number, number];
  /** Channels of the stem. Default 64. */
  numInitFeatures?: number;
  /** Channels between a layer's two convolutions, in growth rates. Default 4. */
  bnSize?: number;
  /** Probability of dropout after each layer. Default 0. */
  dropRate?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Blocks with IBN. Default `['a', 'a', 'a', null]`. */
  ibnCfg?: DenseNetIBNConfig;
  /** Share of instance normalisation in IBN layers, 0 to 1. Default 0.4. */
  ratio?: number;
  /** Pooling before the classifier, to 1x1. Default `GlobalAvgPool2d`. */
  avgpool?: Module;
}

/** Options of the entry points such as `densenet121_ibn_a`. */
export interface DenseNetEntryOptions extends DenseNetIBNOptions, PretrainedOption {}

const OPTIONS = [
  'growthRate',
  'blockConfig',
  'numInitFeatures',
  'bnSize',
  'dropRate',
  'numClasses',
  'inChannels',
  'ibnCfg',
  'ratio',
  'avgpool',
];

/**
 * DenseNet's own instance-batch normalisation, in the opposite order of `IBN`: the first channels go through
 * BatchNorm2d, the last `ratio` of them, which are the newest, through InstanceNorm2d. Keys `BN.*` and `IN.*`.
 *
 * The published layer fails for ratios above one half; this one takes 0 to 1, and has only one norm at the ends.
 */
export class DenseIBN extends Module {
  BN: BatchNorm2d | null;
  IN: InstanceNorm2d | null;
  /** Channels that go through `BN`: `planes * (1 - ratio)`, rounded down. */
  readonly batchChannels: number;
  /** Whether both parts are one op on the CPU; see `nn.utils.fuseNorms`. Default false. */
  fused = false;

  /** @param ratio Share for instance normalisation, 0 to 1. Default 0.4. */
  constructor(planes: number, ratio = 0.4) {
    checkPositions('DenseIBN', arguments, 2);
    super();
    checkPlanes('DenseIBN', planes);
    checkRatio('DenseIBN', ratio);
    this.batchChannels = Math.trunc(planes * (1 - ratio));
    const instanceChannels = planes - this.batchChannels;
    this.BN = this.batchChannels > 0 ? new BatchNorm2d(this.batchChannels) : null;
    this.IN = instanceChannels > 0 ? new InstanceNorm2d(instanceChannels, { affine: true }) : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      if (this.BN === null) return this.IN === null ? x : call(this.IN, x);
      if (this.IN === null) return call(this.BN, x);
      const fused = fusedNorm(x, this);
      if (fused !== undefined) return fused;
      const [first, rest] = splitChannels(x, this.batchChannels);
      // As in IBN: batch_norm is much slower on a strided input.
      return ops.aten.cat(
        [forwardThenRelease(this.BN, first.contiguous()), forwardThenRelease(this.IN, rest)],
        1,
      );
    });
  }

  /** What one op has to do for this layer. */
  normParts(): NormParts {
    const { IN, BN, batchChannels: start } = this;
    const channels = start + (IN?.numFeatures ?? 0);
    return { owner: this, instance: IN, batch: BN, start, end: channels, channels };
  }
}

interface LayerOptions {
  growthRate: number;
  bnSize: number;
  dropRate: number;
  ratio: number;
}

/** Norm, 1x1 convolution, norm, 3x3 convolution; the result is appended to the input. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class DenseLayer extends Module {
  readonly dropRate: number;

  constructor(channels: number, ibn: boolean, options: LayerOptions) {
    checkPositions('DenseLayer', arguments, 3);
    super();
    checkPlanes('DenseLayer', channels);
    checkFlag('DenseLayer ibn', ibn);
    checkOptions('DenseLayer', options, ['growthRate', 'bnSize', 'dropRate', 'ratio']);
    const { growthRate, bnSize, dropRate, ratio } = options;
    const width = bnSize * growthRate;
    this.norm1 = ibn ? new DenseIBN(channels, ratio) : new BatchNorm2d(channels);
    this.relu1 = new ReLU({ inplace: true });
    this.conv1 = new Conv2d(channels, width, 1, { bias: false });
    this.norm2 = new BatchNorm2d(width);
    this.relu2 = new ReLU({ inplace: true });
    this.conv2 = new Conv2d(width, growthRate, 3, { padding: 1, bias: false });
    this.dropRate = dropRate;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = normRelu(this.norm1, this.relu1, x); // (N, C, H, W)
      out = forwardThenRelease(this.conv1, out); // (N, bnSize growthRate, H, W)
      out = forwardThenRelease(this.norm2, out);
      out = forwardThenRelease(this.relu2, out);
      out = forwardThenRelease(this.conv2, out); // (N, growthRate, H, W)
      if (this.dropRate > 0) {
        out = functional.dropout(out, { p: this.dropRate, training: this.training });
      }
      return ops.aten.cat([x, out], 1); // (N, C + growthRate, H, W)
    });
  }

  /** Files of torchvision's DenseNets say `norm.1` for `norm1`, from when names could have dots. */
  override prepareLoad({ entries, prefix }: LoadContext): void {
    for (const [key, value] of [...entries]) {
      const renamed = key.slice(prefix.length).replace(/^(norm|conv)\.([12])\./, '$1$2.');
      if (prefix + renamed === key) continue;
      entries.delete(key);
      entries.set(prefix + renamed, value);
    }
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface DenseLayer {
  get norm1(): DenseIBN | BatchNorm2d;
  set norm1(module: Module);
  get relu1(): ReLU;
  set relu1(module: Module);
  get conv1(): Conv2d;
  set conv1(module: Module);
  get norm2(): BatchNorm2d;
  set norm2(module: Module);
  get relu2(): ReLU;
  set relu2(module: Module);
  get conv2(): Conv2d;
  set conv2(module: Module);
}

function denseBlock(layers: number, channels: number, ibn: boolean, options: LayerOptions): Sequential {
  const block = new Sequential();
  for (let i = 0; i < layers; i++) {
    const layer = new DenseLayer(channels + i * options.growthRate, ibn && i % 3 === 0, options);
    block.add(layer, `denselayer${i + 1}`);
  }
  return block;
}

function transition(channels: number): Sequential {
  return new Sequential({
    norm: new BatchNorm2d(channels),
    relu: new ReLU({ inplace: true }),
    conv: new Conv2d(channels, Math.floor(channels / 2), 1, { bias: false }),
    pool: new AvgPool2d(2, { stride: 2 }),
  });
}

/**
 * DenseNet with instance-batch normalisation, as the published `DenseNet_IBN`: the same keys, initial weights under
 * the same seed (PyTorch's defaults), and outputs. (N, C, H, W) -> logits (N, numClasses).
 *
 * The published network averages 7x7 windows and so takes 224x224 images only. This one averages the whole map: the
 * same at 224x224, and defined at any size from 29x29.
 *
 * @example
 * new models.DenseNet_IBN({ growthRate: 48, numInitFeatures: 96, blockConfig: [6, 12, 36, 24] }); // DenseNet-161
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class DenseNet_IBN extends Module {
  readonly ibnCfg: DenseNetIBNConfig;
  /** The outputs that `createFeatureExtractor` gives, in order. */
  readonly featureInfo: readonly FeatureInfo[];

  /** @throws RangeError on an unknown option or placement. */
  constructor(options: DenseNetIBNOptions = {}) {
    checkPositions('DenseNet_IBN', arguments, 1);
    super();
    checkOptions('DenseNet_IBN', options, OPTIONS);
    const { growthRate = 32, blockConfig = [6, 12, 24, 16], numInitFeatures = 64 } = options;
    const { bnSize = 4, dropRate = 0, numClasses = 1000, inChannels = 3, ratio = 0.4 } = options;
    const { ibnCfg = ['a', 'a', 'a', null] } = options;
    checkPlacements(ibnCfg, ['a']);
    this.ibnCfg = ibnCfg;
    this.features = new Sequential({
      conv0: new Conv2d(inChannels, numInitFeatures, 7, { stride: 2, padding: 3, bias: false }),
      norm0: new BatchNorm2d(numInitFeatures),
      relu0: new ReLU({ inplace: true }),
      pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
    });
    const info = [{ name: 'features.relu0', channels: numInitFeatures, reduction: 2 }];
    let channels = numInitFeatures;
    for (const [i, layers] of blockConfig.entries()) {
      const shared = { growthRate, bnSize, dropRate, ratio };
      this.features.add(denseBlock(layers, channels, ibnCfg[i] === 'a', shared), `denseblock${i + 1}`);
      channels += layers * growthRate;
      info.push({ name: `features.denseblock${i + 1}`, channels, reduction: 4 * 2 ** i });
      if (i === blockConfig.length - 1) break;
      this.features.add(transition(channels), `transition${i + 1}`);
      channels = Math.floor(channels / 2);
    }
    this.features.add(new BatchNorm2d(channels), 'norm5');
    this.relu = new ReLU({ inplace: true });
    this.avgpool = options.avgpool ?? new GlobalAvgPool2d();
    this.classifier = new Linear(channels, numClasses);
    this.featureInfo = [...info, { name: 'relu', channels, reduction: 32 }];
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = call(this.features, x); // (N, 1024, 7, 7) for a 224x224 image
      out = forwardThenRelease(this.relu, out);
      out = forwardThenRelease(this.avgpool, out); // (N, 1024, 1, 1)
      return call(this.classifier, ops.aten.flatten(out, 1)); // (N, numClasses)
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface DenseNet_IBN {
  get features(): Sequential;
  set features(module: Module);
  get relu(): ReLU;
  set relu(module: Module);
  get avgpool(): Module;
  set avgpool(module: Module);
  get classifier(): Linear;
  set classifier(module: Module);
}

type Shape = Pick<DenseNetIBNOptions, 'growthRate' | 'blockConfig' | 'numInitFeatures'>;

/** The published sizes, by depth. */
export const SHAPES = {
  121: { growthRate: 32, blockConfig: [6, 12, 24, 16], numInitFeatures: 64 },
  161: { growthRate: 48, blockConfig: [6, 12, 36, 24], numInitFeatures: 96 },
  169: { growthRate: 32, blockConfig: [6, 12, 32, 32], numInitFeatures: 64 },
  201: { growthRate: 32, blockConfig: [6, 12, 48, 32], numInitFeatures: 64 },
} as const satisfies Record<number, Shape>;

/** Builds a DenseNet_IBN for the entry point `name`. */
export function buildDenseNet(
  name: string,
  defaults: DenseNetIBNOptions,
  options: DenseNetEntryOptions,
  initialise: (model: DenseNet_IBN) => void = () => {},
): DenseNet_IBN {
  return buildEntry(name, OPTIONS, options, (given: DenseNetIBNOptions) => {
    const model = new DenseNet_IBN({ ...defaults, ...given });
    initialise(model);
    return model;
  });
}

/** DenseNet-121-IBN-a. */
export function densenet121_ibn_a(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet121_ibn_a', arguments, 1);
  return buildDenseNet('densenet121_ibn_a', SHAPES[121], options);
}

/** DenseNet-161-IBN-a. */
export function densenet161_ibn_a(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet161_ibn_a', arguments, 1);
  return buildDenseNet('densenet161_ibn_a', SHAPES[161], options);
}

/** DenseNet-169-IBN-a. */
export function densenet169_ibn_a(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet169_ibn_a', arguments, 1);
  return buildDenseNet('densenet169_ibn_a', SHAPES[169], options);
}

/** DenseNet-201-IBN-a. */
export function densenet201_ibn_a(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet201_ibn_a', arguments, 1);
  return buildDenseNet('densenet201_ibn_a', SHAPES[201], options);
}
