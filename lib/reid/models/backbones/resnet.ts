import type { IBNConfig } from '../../../models/blocks/placement.ts';
import type { BlockClass } from '../../../models/blocks/residual-blocks.ts';
import { initConv, stageMaker } from '../../../models/blocks/residual-stages.ts';
import type { Depths } from '../../../models/networks/resnet-ibn.ts';
import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  InstanceNorm2d,
  Linear,
  MaxPool2d,
  Module,
  ModuleList,
  ReLU,
  type Sequential,
} from '../../../nn/index.ts';
import { checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { NonLocal } from './non-local.ts';

/** How the published Re-ID backbones of the ResNet family differ. */
export interface ResNetBackboneSettings {
  readonly block: BlockClass;
  readonly layers: Depths;
  readonly ibnCfg: IBNConfig;
  readonly lastStride: 1 | 2;
  readonly groups?: number;
  readonly baseWidth?: number;
  /** Whether a ReLU stands before the max-pooling; reid-strong-baseline's plain ResNet has none. */
  readonly stemRelu: boolean;
  /** Max-pooling with padding 1, or with `ceil_mode` and no padding ("as Caffe"), which sees other pixels. */
  readonly maxPool: 'padded' | 'ceil';
  /** How convolutions are drawn: PyTorch's default, the published normal draw, or that after one more draw of the stem. */
  readonly init: 'default' | 'normal' | 'stem-twice';
  /** Non-local blocks at the end of each stage. None: no such parts. */
  readonly nonLocal?: readonly [number, number, number, number];
  /** Keep the classifier of ImageNet, which nothing calls, for its keys. */
  readonly unusedFc?: boolean;
}

const SETTINGS = [
  ...['block', 'layers', 'ibnCfg', 'lastStride', 'groups', 'baseWidth', 'stemRelu', 'maxPool', 'init'],
  ...['nonLocal', 'unusedFc'],
];

/**
 * A ResNet without its end: (N, 3, H, W) -> (N, C, H / 16, W / 16), or H / 32 with `lastStride` 2. Parts and keys as in
 * the published Re-ID code.
 */
export class ResNetBackbone extends Module {
  /** Channels of the map it gives. */
  readonly featDim: number;
  conv1: Conv2d;
  bn1: BatchNorm2d | InstanceNorm2d;
  relu: ReLU | null;
  maxpool: MaxPool2d;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  avgpool: AvgPool2d | null = null;
  fc: Linear | null = null;
  NL_1: ModuleList | null = null;
  NL_2: ModuleList | null = null;
  NL_3: ModuleList | null = null;
  NL_4: ModuleList | null = null;

  constructor(settings: ResNetBackboneSettings) {
    checkPositions('ResNetBackbone', arguments, 1);
    super();
    checkOptions('ResNetBackbone', settings, SETTINGS);
    const { block, layers, ibnCfg, lastStride, groups = 1, baseWidth = 64 } = settings;
    this.conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = ibnCfg[0] === 'b' ? new InstanceNorm2d(64, { affine: true }) : new BatchNorm2d(64);
    this.relu = settings.stemRelu ? new ReLU({ inplace: true }) : null;
    this.maxpool =
      settings.maxPool === 'ceil'
        ? new MaxPool2d(3, { stride: 2, ceilMode: true })
        : new MaxPool2d(3, { stride: 2, padding: 1 });
    const make = stageMaker(block, { inplanes: 64, ratio: 0.5, groups, baseWidth });
    this.layer1 = make(64, layers[0], { ibn: ibnCfg[0] });
    this.layer2 = make(128, layers[1], { stride: 2, ibn: ibnCfg[1] });
    this.layer3 = make(256, layers[2], { stride: 2, ibn: ibnCfg[2] });
    this.layer4 = make(512, layers[3], { stride: lastStride, ibn: ibnCfg[3] });
    this.featDim = 512 * block.expansion;
    if (settings.unusedFc) {
      this.avgpool = new AvgPool2d(7);
      this.fc = new Linear(this.featDim, 1000);
    }
    this.draw(settings.init);
    if (settings.nonLocal !== undefined) this.addNonLocal(settings.nonLocal, block.expansion);
  }

  private draw(how: ResNetBackboneSettings['init']): void {
    if (how === 'default') return;
    if (how === 'stem-twice') initConv(this.conv1);
    for (const module of this.modules()) if (module instanceof Conv2d) initConv(module);
  }

  private addNonLocal(counts: readonly [number, number, number, number], expansion: number): void {
    const blocks = (stage: 0 | 1 | 2 | 3) =>
      new ModuleList(Array.from({ length: counts[stage] }, () => new NonLocal(64 * 2 ** stage * expansion)));
    this.NL_1 = blocks(0);
    this.NL_2 = blocks(1);
    this.NL_3 = blocks(2);
    this.NL_4 = blocks(3);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = call(this.conv1, x); // (N, 64, H / 2, W / 2)
      out = forwardThenRelease(this.bn1, out);
      if (this.relu !== null) out = forwardThenRelease(this.relu, out);
      out = forwardThenRelease(this.maxpool, out); // (N, 64, H / 4, W / 4)
      out = stage(this.layer1, this.NL_1, out);
      out = stage(this.layer2, this.NL_2, out); // (N, 128 e, H / 8, W / 8), e the block's expansion
      out = stage(this.layer3, this.NL_3, out); // (N, 256 e, H / 16, W / 16)
      return stage(this.layer4, this.NL_4, out); // (N, 512 e, H / 16, W / 16)
    });
  }
}

/** The blocks of a stage, each of the last ones followed by its non-local block. */
function stage(blocks: Sequential, nonLocal: ModuleList | null, x: Tensor): Tensor {
  const others = nonLocal?.children() ?? [];
  if (others.length === 0) return forwardThenRelease(blocks, x);
  const parts = blocks.children();
  const first = parts.length - others.length;
  return parts.reduce((out, block, i) => {
    const next = forwardThenRelease(block, out);
    const after = others[i - first];
    return after === undefined ? next : forwardThenRelease(after, next);
  }, x);
}
