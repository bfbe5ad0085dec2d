import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import {
  BatchNorm2d,
  Conv2d,
  functional as F,
  init,
  Module,
  Parameter,
  Sequential,
} from '../../../nn/index.ts';
import { checkOptions, checkPositions } from '../../../options.ts';
import { empty, ops, type Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { checkChoice, checkCount, checkNumber } from '../checks.ts';
import { POOLINGS, type PoolLayer } from '../pooling/pooling.ts';
import { type ClsLayer, SOFTMAX_LAYERS } from './softmax.ts';

/** Options of the heads, fast-reid's `MODEL.HEADS`. */
export interface HeadOptions {
  /** Default `'GlobalAvgPool'`. */
  poolLayer?: PoolLayer;
  /** Length of the feature after a 1x1 convolution; 0 (default): none, the map's channels. */
  embeddingDim?: number;
  /** Batch normalisation, whose shift is not trained, before the classifier. Default true, as in all base configurations. */
  withBnneck?: boolean;
  /** Which features training gives: before the neck (default) or after it. Evaluation gives those after it. */
  neckFeat?: 'before' | 'after';
  /** Default `'Linear'`. */
  clsLayer?: ClsLayer;
  /** Of the classifier's scores. Default 1. */
  scale?: number;
  /** Of the classifier's true class. Default 0. */
  margin?: number;
}

/** Names of {@link HeadOptions}. */
export const HEAD_OPTIONS = [
  ...['poolLayer', 'embeddingDim', 'withBnneck', 'neckFeat', 'clsLayer', 'scale', 'margin'],
];

/** What a head gives in training. */
export interface HeadOutputs {
  /** (N, numClasses), with the margin of the true class: for the loss. */
  clsOutputs: Tensor;
  /** (N, numClasses), without: for accuracy. */
  predClassLogits: Tensor;
  /** (N, C), for a metric loss. */
  features: Tensor;
}

/**
 * fast-reid's head: pooling, an optional narrower feature, batch normalisation, a classifier. Keys `pool_layer.p`,
 * `bottleneck.*`, `weight`. A map (N, C, H, W) -> features (N, D) in evaluation, {@link HeadOutputs} in training.
 */
export class EmbeddingHead extends Module {
  neckFeat: 'before' | 'after';
  /** Length of a feature. */
  readonly featDim: number;
  weight: Parameter;
  pool_layer: Module;
  bottleneck: Sequential;
  cls_layer: InstanceType<(typeof SOFTMAX_LAYERS)[ClsLayer]>;
  protected readonly clsName: ClsLayer;

  constructor(channels: number, numClasses: number, options: HeadOptions = {}) {
    checkPositions(new.target.name, arguments, 3);
    super();
    const owner = new.target.name;
    checkOptions(owner, options, HEAD_OPTIONS);
    const { poolLayer = 'GlobalAvgPool', embeddingDim = 0, withBnneck = true } = options;
    const { neckFeat = 'before', clsLayer = 'Linear', scale = 1, margin = 0 } = options;
    checkChoice(owner, 'poolLayer', poolLayer, Object.keys(POOLINGS) as PoolLayer[]);
    checkChoice(owner, 'clsLayer', clsLayer, Object.keys(SOFTMAX_LAYERS) as ClsLayer[]);
    checkChoice(owner, 'withBnneck', withBnneck, [true, false]);
    this.neckFeat = checkChoice(owner, 'neckFeat', neckFeat, ['before', 'after']);
    this.featDim = checkCount(owner, 'embeddingDim', embeddingDim, 0) || channels;
    this.weight = new Parameter(empty([checkCount(owner, 'numClasses', numClasses, 0), this.featDim]));
    this.pool_layer = new POOLINGS[poolLayer]();
    this.bottleneck = new Sequential();
    if (embeddingDim > 0) this.bottleneck.add(new Conv2d(channels, embeddingDim, 1, { bias: false }));
    if (withBnneck) this.bottleneck.add(new BatchNorm2d(this.featDim));
    this.clsName = clsLayer;
    this.cls_layer = new SOFTMAX_LAYERS[clsLayer](
      numClasses,
      checkNumber(owner, 'scale', scale),
      checkNumber(owner, 'margin', margin),
    );
    this.draw();
  }

  private draw(): void {
    for (const part of this.bottleneck) {
      if (part instanceof Conv2d) init.kaimingNormal_(part.weight, { mode: 'fan_out' });
      if (part instanceof BatchNorm2d) part.bias?.requiresGrad_(false);
    }
    init.normal_(this.weight, 0, 0.01);
  }

  forward(map: Tensor, targets?: Tensor): Tensor | HeadOutputs {
    return temporaries(() => {
      const pooled = call(this.pool_layer, map); // (N, C, 1, 1)
      const features = ops.aten.flatten(call(this.bottleneck, pooled), 1); // (N, D)
      if (!this.training) return features;
      return this.outputs(pooled, features, targets);
    });
  }

  protected outputs(pooled: Tensor, features: Tensor, targets: Tensor | undefined): HeadOutputs {
    if (targets === undefined && this.clsName !== 'Linear') {
      throw new TypeError(
        `Expected targets for ${this.constructor.name} with ${this.clsName} in training, got undefined`,
      );
    }
    const logits = this.logits(features);
    return {
      clsOutputs: this.cls_layer.forward(logits, targets as Tensor),
      predClassLogits: logits.mul(this.cls_layer.scale),
      features: this.neckFeat === 'after' ? features : ops.aten.flatten(pooled, 1),
    };
  }

  /** Products with the classes' weights; cosines but for `'Linear'`. */
  protected logits(features: Tensor): Tensor {
    if (this.clsName === 'Linear') return F.linear(features, this.weight);
    return F.linear(F.normalize(features), F.normalize(this.weight));
  }
}

/** The same with class scores in evaluation: (N, numClasses). */
export class ClasHead extends EmbeddingHead {
  override forward(map: Tensor, targets?: Tensor): Tensor | HeadOutputs {
    return temporaries(() => {
      const pooled = forwardThenRelease(this.bottleneck, call(this.pool_layer, map));
      const features = ops.aten.flatten(pooled, 1);
      if (!this.training) return this.logits(features).mul(this.cls_layer.scale);
      return { ...this.outputs(pooled, features, targets), features };
    });
  }
}

/** Heads by fast-reid's `MODEL.HEADS.NAME`. */
export const HEADS = { EmbeddingHead, ClasHead } as const;

/** Name of a head. */
export type HeadName = keyof typeof HEADS;
