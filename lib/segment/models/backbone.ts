import { normRelu } from '../../models/blocks/fused-norm.ts';
import { A, B, checkPlacements, type IBNConfig, PLAIN } from '../../models/blocks/placement.ts';
import { BasicBlock_IBN, type BlockClass, Bottleneck_IBN } from '../../models/blocks/residual-blocks.ts';
import { initConv, stageMaker, stageStrides } from '../../models/blocks/residual-stages.ts';
import type { Depths } from '../../models/networks/resnet-ibn.ts';
import { SEBottleneck_IBN } from '../../models/networks/se-resnet-ibn.ts';
import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import {
  BatchNorm2d,
  Conv2d,
  InstanceNorm2d,
  MaxPool2d,
  Module,
  ReLU,
  type Sequential,
} from '../../nn/index.ts';
import {
  checkChoice,
  checkFlags,
  checkOptions,
  checkPositions,
  checkText,
  suggestion,
} from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';

/** Options of {@link SegmentBackbone}, all of them plain values. */
export interface SegmentBackboneOptions {
  /** Size of the image over size of the last map: 8, 16 or 32. Default 8. */
  outputStride?: number;
  /** See `models.StrideOptions`. Default true, as in PSPNet and the DeepLabs. */
  dilateFirst?: boolean;
  /** Placement per stage, in place of the name's. */
  ibnCfg?: IBNConfig;
  /** Whether the instance norms of IBN-b have a scale and a shift. Default true; RobustNet's whitened networks have none. */
  affine?: boolean;
  /** Planes of the four stages; the stem has the first. Default `[64, 128, 256, 512]`. */
  widths?: readonly [number, number, number, number];
  /** `'imagenet'`: one 7x7 convolution (default). `'deep'`: three of 3x3, as RobustNet's ResNet-101 has them. */
  stem?: 'imagenet' | 'deep';
}

/** Names of {@link SegmentBackboneOptions}. */
export const BACKBONE_OPTIONS = ['outputStride', 'dilateFirst', 'ibnCfg', 'affine', 'widths', 'stem'];

/** Maps of an image (N, 3, H, W). */
export interface BackboneFeatures {
  /** Of stage 1: (N, 64 e, H / 4, W / 4), e the block's expansion. */
  readonly low: Tensor;
  /** Of stage 3. */
  readonly aux: Tensor;
  /** Of stage 4: (N, 512 e, H / outputStride, W / outputStride). */
  readonly out: Tensor;
}

const DEPTHS: Readonly<Record<string, Depths>> = {
  '18': [2, 2, 2, 2],
  '34': [3, 4, 6, 3],
  '50': [3, 4, 6, 3],
  '101': [3, 4, 23, 3],
  '152': [3, 8, 36, 3],
};

/** Names of the backbones. */
export const SEGMENT_BACKBONES: readonly string[] = [
  ...['18', '34', '50', '101', '152'].flatMap((depth) => withIbn(`resnet${depth}`, ['a', 'b'])),
  ...['50', '101', '152'].flatMap((depth) => withIbn(`resnext${depth}`, ['a'])),
  ...['50', '101', '152'].flatMap((depth) => withIbn(`se_resnet${depth}`, ['a'])),
];

function withIbn(name: string, placements: readonly string[]): string[] {
  return [name, ...placements.map((placement) => `${name}_ibn_${placement}`)];
}

interface Family {
  readonly block: BlockClass;
  readonly layers: Depths;
  readonly ibnCfg: IBNConfig;
  readonly groups: number;
  readonly baseWidth: number;
}

function familyOf(name: string): Family {
  const [, kind, depth = '', ibn] = /^(\D+?)(\d+)(?:_ibn_(.))?$/.exec(name) ?? [];
  const shallow: BlockClass = Number(depth) < 50 ? BasicBlock_IBN : Bottleneck_IBN;
  return {
    block: kind === 'se_resnet' ? SEBottleneck_IBN : shallow,
    layers: DEPTHS[depth] as Depths,
    ibnCfg: ibn === 'a' ? A : ibn === 'b' ? B : PLAIN,
    ...(kind === 'resnext' ? { groups: 32, baseWidth: 4 } : { groups: 1, baseWidth: 64 }),
  };
}

/**
 * A ResNet, ResNeXt or SE-ResNet without its end, dilated for dense prediction: (N, 3, H, W) -> {@link BackboneFeatures}. With
 * output stride 8 the 3x3 convolutions of stage 3 have dilation 2, those of stage 4 dilation 4. Parts and keys are those of
 * the classification networks, whose weights fit.
 *
 * @example
 * const backbone = new segment.SegmentBackbone('resnet50_ibn_b', { outputStride: 8 });
 */
export class SegmentBackbone extends Module {
  /** Which one it is. */
  readonly backboneName: string;
  /** Channels of `low`, `aux` and `out`. */
  readonly channels: { readonly low: number; readonly aux: number; readonly out: number };
  readonly outputStride: number;
  conv1: Conv2d;
  bn1: BatchNorm2d | InstanceNorm2d;
  /** The rest of a deep stem, or null. */
  conv2: Conv2d | null = null;
  bn2: BatchNorm2d | InstanceNorm2d | null = null;
  conv3: Conv2d | null = null;
  bn3: BatchNorm2d | null = null;
  relu = new ReLU({ inplace: true });
  maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;

  constructor(name: string, options: SegmentBackboneOptions = {}) {
    checkPositions('SegmentBackbone', arguments, 2);
    super();
    checkName(name);
    checkOptions('SegmentBackbone', options, BACKBONE_OPTIONS);
    checkFlags('SegmentBackbone', { affine: options.affine });
    const { outputStride = 8, dilateFirst = true, affine = true, stem = 'imagenet' } = options;
    checkChoice('SegmentBackbone', 'stem', stem, ['imagenet', 'deep']);
    const { block, layers, groups, baseWidth, ibnCfg: named } = familyOf(name);
    const { ibnCfg = named, widths = [64, 128, 256, 512] } = options;
    checkPlacements(ibnCfg);
    const [planes] = widths;
    const norm = () => (ibnCfg[0] === 'b' ? new InstanceNorm2d(planes, { affine }) : new BatchNorm2d(planes));
    if (stem === 'imagenet') {
      this.conv1 = new Conv2d(3, planes, 7, { stride: 2, padding: 3, bias: false });
      this.bn1 = norm();
    } else {
      this.conv1 = new Conv2d(3, planes, 3, { stride: 2, padding: 1, bias: false });
      this.bn1 = norm();
      this.conv2 = new Conv2d(planes, planes, 3, { padding: 1, bias: false });
      this.bn2 = norm();
      this.conv3 = new Conv2d(planes, 2 * planes, 3, { padding: 1, bias: false });
      this.bn3 = new BatchNorm2d(2 * planes);
    }
    const strides = stageStrides('SegmentBackbone', { outputStride, dilateFirst }, 4);
    const inplanes = stem === 'deep' ? 2 * planes : planes;
    const make = stageMaker(block, { inplanes, ratio: 0.5, groups, baseWidth, dilateFirst });
    const stage = (i: 0 | 1 | 2 | 3) => make(widths[i], layers[i], { ...strides[i], ibn: ibnCfg[i] });
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    if (!affine) withoutAffine(this);
    this.backboneName = name;
    this.outputStride = outputStride;
    const [low, , aux, out] = widths.map((width) => width * block.expansion) as [
      number,
      number,
      number,
      number,
    ];
    this.channels = { low, aux, out };
    for (const module of this.modules()) if (module instanceof Conv2d) initConv(module);
  }

  forward(x: Tensor): BackboneFeatures {
    return temporaries(() => {
      let first = normRelu(this.bn1, this.relu, call(this.conv1, x)); // (N, 64, H / 2, W / 2)
      for (const [conv, norm] of [
        [this.conv2, this.bn2],
        [this.conv3, this.bn3],
      ])
        if (conv && norm) first = normRelu(norm, this.relu, forwardThenRelease(conv, first));
      const low = forwardThenRelease(this.layer1, forwardThenRelease(this.maxpool, first));
      const aux = forwardThenRelease(this.layer3, call(this.layer2, low));
      const out = call(this.layer4, aux);
      return { low, aux, out };
    });
  }
}

function checkName(name: unknown): asserts name is string {
  checkText('SegmentBackbone', 'the name of a backbone', name);
  if (SEGMENT_BACKBONES.includes(name)) return;
  throw new RangeError(`Unknown backbone "${name}"${suggestion(name, SEGMENT_BACKBONES, 'backbones')}`);
}

/** The instance norms of IBN-b stand alone; those of IBN-a are parts of others. */
function withoutAffine(backbone: SegmentBackbone): void {
  for (const module of backbone.modules()) {
    const block = module as { IN?: unknown };
    if (module instanceof BasicBlock_IBN || module instanceof Bottleneck_IBN)
      if (block.IN instanceof InstanceNorm2d)
        block.IN = new InstanceNorm2d(block.IN.numFeatures, { affine: false });
  }
}
