import { A, B, PLAIN } from '../../models/blocks/placement.ts';
import { BasicBlock_IBN, type BlockClass, Bottleneck_IBN } from '../../models/blocks/residual-blocks.ts';
import type { Depths } from '../../models/networks/resnet-ibn.ts';
import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { AdaptiveAvgPool2d, BatchNorm1d, init, Linear, Module } from '../../nn/index.ts';
import { deferDraws } from '../../nn/init/defer-draws.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { ResNetBackbone } from './backbones/resnet.ts';
import { type SEBlockKind, SENet } from './backbones/senet.ts';
import { checkChoice, checkCount } from './checks.ts';

const DEPTHS: Readonly<Record<string, Depths>> = {
  '18': [2, 2, 2, 2],
  '34': [3, 4, 6, 3],
  '50': [3, 4, 6, 3],
  '101': [3, 4, 23, 3],
  '152': [3, 8, 36, 3],
  '154': [3, 8, 36, 3],
};

/** Names of the backbones: those of the published list, its other IBN-a depths, and IBN-b. */
export const STRONG_BASELINE_BACKBONES = [
  'resnet18',
  'resnet34',
  'resnet50',
  'resnet101',
  'resnet152',
  'se_resnet50',
  'se_resnet101',
  'se_resnet152',
  'se_resnext50',
  'se_resnext101',
  'senet154',
  'resnet50_ibn_a',
  'resnet101_ibn_a',
  'resnet152_ibn_a',
  'resnet50_ibn_b',
  'resnet101_ibn_b',
  'resnet152_ibn_b',
] as const;

/** Name of a backbone, reid-strong-baseline's `MODEL.NAME`. */
export type StrongBaselineBackbone = (typeof STRONG_BASELINE_BACKBONES)[number];

/** Options of {@link StrongBaseline}. */
export interface StrongBaselineOptions {
  /** Default `'resnet50'`. */
  backbone?: StrongBaselineBackbone;
  /** Identities of the training set. Default 751, Market-1501's. */
  numClasses?: number;
  /** Stride of stage 4. Default 1, which doubles the last map's height and width. */
  lastStride?: 1 | 2;
  /** `'bnneck'` (default): batch normalisation, whose shift is not trained, before a classifier without bias. */
  neck?: 'bnneck' | 'no';
  /** Whether features for retrieval come from after the neck (default) or before it. */
  neckFeat?: 'after' | 'before';
}

/** What the network gives in training: scores (N, numClasses) and the pooled features (N, C) before the neck. */
export type ScoresAndFeatures = [scores: Tensor, features: Tensor];

const OPTIONS = ['backbone', 'numClasses', 'lastStride', 'neck', 'neckFeat'];

function buildBackbone(name: StrongBaselineBackbone, lastStride: 1 | 2): ResNetBackbone | SENet {
  const [, kind = '', depth = '', ibn] = /^([a-z_]+?)(\d+)(?:_ibn_(.))?$/.exec(name) ?? [];
  const layers = DEPTHS[depth] as Depths;
  if (kind !== 'resnet') {
    const groups = { se_resnet: 1, se_resnext: 32, senet: 64 }[kind] as number;
    return new SENet({ kind: kind as SEBlockKind, layers, groups, lastStride });
  }
  const block: BlockClass = Number(depth) < 50 ? BasicBlock_IBN : Bottleneck_IBN;
  if (ibn === undefined) {
    const plain = { ibnCfg: PLAIN, stemRelu: false, maxPool: 'padded', init: 'default' } as const;
    return new ResNetBackbone({ block, layers, lastStride, ...plain });
  }
  const ibnCfg = ibn === 'a' ? A : B;
  const published = { stemRelu: true, maxPool: 'padded', init: 'normal', unusedFc: true } as const;
  return new ResNetBackbone({ block, layers, ibnCfg, lastStride, ...published });
}

/**
 * reid-strong-baseline's network ("Bag of tricks"): the same keys (`base.*`, `bottleneck.*`, `classifier.*`), initial
 * weights under the same seed, and outputs. Images (N, 3, H, W), normalised with ImageNet's mean and deviation.
 *
 * In evaluation `forward` gives features (N, C), in training {@link ScoresAndFeatures}. C is 512 for ResNet-18 and -34,
 * else 2048.
 *
 * As in the published code, the plain ResNets have no ReLU before the max-pooling, which torchvision's have; the IBN ones
 * keep ImageNet's classifier, which nothing calls, as `base.fc`. IBN-b is not in the published list; it has the IBN-a
 * networks' parts around it.
 *
 * @example
 * const model = new reid.StrongBaseline({ backbone: 'resnet50_ibn_a', numClasses: 751 }).eval();
 */
export class StrongBaseline extends Module {
  readonly backboneName: StrongBaselineBackbone;
  /** Stride of stage 4. */
  readonly lastStride: 1 | 2;
  readonly neck: 'bnneck' | 'no';
  neckFeat: 'after' | 'before';
  /** Length of a feature. */
  readonly featDim: number;
  base: ResNetBackbone | SENet;
  gap = new AdaptiveAvgPool2d(1);
  bottleneck: BatchNorm1d | null;
  classifier: Linear;

  constructor(options: StrongBaselineOptions = {}) {
    checkPositions('StrongBaseline', arguments, 1);
    super();
    checkOptions('StrongBaseline', options, OPTIONS);
    const { backbone = 'resnet50', lastStride = 1, neck = 'bnneck', neckFeat = 'after' } = options;
    checkChoice('StrongBaseline', 'backbone', backbone, STRONG_BASELINE_BACKBONES);
    this.lastStride = checkChoice('StrongBaseline', 'lastStride', lastStride, [1, 2]);
    this.neck = checkChoice('StrongBaseline', 'neck', neck, ['bnneck', 'no']);
    this.neckFeat = checkChoice('StrongBaseline', 'neckFeat', neckFeat, ['after', 'before']);
    const numClasses = checkCount('StrongBaseline', 'numClasses', options.numClasses ?? 751);
    this.backboneName = backbone;
    this.base = deferDraws(() => buildBackbone(backbone, lastStride));
    this.featDim = this.base.featDim;
    this.bottleneck = neck === 'bnneck' ? new BatchNorm1d(this.featDim) : null;
    this.bottleneck?.bias?.requiresGrad_(false);
    this.classifier = new Linear(this.featDim, numClasses, { bias: neck === 'no' });
    if (neck === 'bnneck') init.normal_(this.classifier.weight, 0, 0.001);
  }

  forward(x: Tensor): Tensor | ScoresAndFeatures {
    return temporaries(() => {
      const pooled = ops.aten.flatten(forwardThenRelease(this.gap, call(this.base, x)), 1); // (N, C)
      const features = this.bottleneck === null ? pooled : call(this.bottleneck, pooled); // (N, C)
      if (this.training) return [call(this.classifier, features), pooled];
      return this.neckFeat === 'after' ? features : pooled;
    });
  }
}
