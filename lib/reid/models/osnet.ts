import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { AdaptiveAvgPool2d, BatchNorm1d, Linear, ReLU, Sequential } from '../../nn/index.ts';
import { deferDraws } from '../../nn/init/defer-draws.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import {
  initOSNet,
  OSNET_CHANNELS,
  OSNetFeatures,
  type OSNetKind,
  type OSNetWidth,
} from './backbones/osnet.ts';
import { checkChoice, checkCount } from './checks.ts';

/** Options of {@link OSNet} and its entry points. */
export interface OSNetOptions {
  /** Identities of the training set. Default 1000. */
  numClasses?: number;
  /** What training gives: scores for `'softmax'` (default), scores and features for `'triplet'`. */
  loss?: 'softmax' | 'triplet';
  /** Length of a feature. Default 512; null takes the pooled map as it is. */
  featureDim?: number | null;
}

/** Options of the class. */
export interface OSNetClassOptions extends OSNetOptions {
  /** Default `'x1_0'`. */
  width?: OSNetWidth;
  /** Where instance normalisation stands. Default `'plain'`, nowhere. */
  kind?: OSNetKind;
}

const OPTIONS = ['numClasses', 'loss', 'featureDim'];

/**
 * deep-person-reid's OSNet: the same keys, initial weights under the same seed, and outputs. Images (N, 3, H, W),
 * normalised with ImageNet's mean and deviation.
 *
 * In evaluation `forward` gives features (N, featureDim); in training scores (N, numClasses), with `loss: 'triplet'`
 * scores and features.
 *
 * @example
 * const model = reid.osnet_ain_x1_0({ numClasses: 751, loss: 'triplet' });
 */
export class OSNet extends OSNetFeatures {
  readonly width: OSNetWidth;
  readonly kind: OSNetKind;
  loss: 'softmax' | 'triplet';
  /** Length of a feature. */
  readonly featDim: number;
  global_avgpool = new AdaptiveAvgPool2d(1);
  fc: Sequential | null;
  classifier: Linear;

  constructor(options: OSNetClassOptions = {}) {
    checkPositions('OSNet', arguments, 1);
    checkOptions('OSNet', options, [...OPTIONS, 'width', 'kind']);
    const { width = 'x1_0', kind = 'plain', loss = 'softmax', featureDim = 512 } = options;
    checkChoice('OSNet', 'width', width, Object.keys(OSNET_CHANNELS) as OSNetWidth[]);
    checkChoice('OSNet', 'kind', kind, ['plain', 'ibn', 'ain']);
    super({ channels: OSNET_CHANNELS[width], kind });
    this.width = width;
    this.kind = kind;
    this.loss = checkChoice('OSNet', 'loss', loss, ['softmax', 'triplet']);
    this.featDim = featureDim === null ? this.mapChannels : checkCount('OSNet', 'featureDim', featureDim);
    this.fc = featureDim === null ? null : featureLayer(this.mapChannels, this.featDim);
    this.classifier = new Linear(this.featDim, checkCount('OSNet', 'numClasses', options.numClasses ?? 1000));
    initOSNet(this);
  }

  override forward(x: Tensor): Tensor | [scores: Tensor, features: Tensor] {
    return temporaries(() => {
      const pooled = forwardThenRelease(this.global_avgpool, this.featuremaps(x)); // (N, C, 1, 1)
      const vector = ops.aten.flatten(pooled, 1); // (N, C)
      const features = this.fc === null ? vector : call(this.fc, vector); // (N, featDim)
      if (!this.training) return features;
      const scores = call(this.classifier, features);
      return this.loss === 'softmax' ? scores : [scores, features];
    });
  }
}

function featureLayer(channels: number, features: number): Sequential {
  return new Sequential(
    new Linear(channels, features),
    new BatchNorm1d(features),
    new ReLU({ inplace: true }),
  );
}

function build(name: string, width: OSNetWidth, kind: OSNetKind, options: OSNetOptions): OSNet {
  checkOptions(name, options, OPTIONS);
  return deferDraws(() => new OSNet({ ...options, width, kind }));
}

/** OSNet, 512 channels. */
export function osnet_x1_0(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_x1_0', arguments, 1);
  return build('osnet_x1_0', 'x1_0', 'plain', options);
}

/** OSNet at three quarters of the width. */
export function osnet_x0_75(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_x0_75', arguments, 1);
  return build('osnet_x0_75', 'x0_75', 'plain', options);
}

/** OSNet at half the width. */
export function osnet_x0_5(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_x0_5', arguments, 1);
  return build('osnet_x0_5', 'x0_5', 'plain', options);
}

/** OSNet at a quarter of the width. */
export function osnet_x0_25(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_x0_25', arguments, 1);
  return build('osnet_x0_25', 'x0_25', 'plain', options);
}

/** OSNet with instance normalisation in the stem and after the additions of the first stage, as IBN-b. */
export function osnet_ibn_x1_0(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_ibn_x1_0', arguments, 1);
  return build('osnet_ibn_x1_0', 'x1_0', 'ibn', options);
}

/** OSNet-AIN: instance normalisation where a search put it. */
export function osnet_ain_x1_0(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_ain_x1_0', arguments, 1);
  return build('osnet_ain_x1_0', 'x1_0', 'ain', options);
}

/** OSNet-AIN at three quarters of the width. */
export function osnet_ain_x0_75(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_ain_x0_75', arguments, 1);
  return build('osnet_ain_x0_75', 'x0_75', 'ain', options);
}

/** OSNet-AIN at half the width. */
export function osnet_ain_x0_5(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_ain_x0_5', arguments, 1);
  return build('osnet_ain_x0_5', 'x0_5', 'ain', options);
}

/** OSNet-AIN at a quarter of the width. */
export function osnet_ain_x0_25(options: OSNetOptions = {}): OSNet {
  checkPositions('osnet_ain_x0_25', arguments, 1);
  return build('osnet_ain_x0_25', 'x0_25', 'ain', options);
}
