import { call } from '../../nn/forward-then-release.ts';
import { Module } from '../../nn/index.ts';
import { deferDraws } from '../../nn/init/defer-draws.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { BACKBONE_OPTIONS, type BackboneOptions, buildFastReIDBackbone } from './backbones/fast-reid.ts';
import type { OSNetFeatures } from './backbones/osnet.ts';
import type { ResNetBackbone } from './backbones/resnet.ts';
import { checkChoice, checkCount } from './checks.ts';
import {
  type EmbeddingHead,
  HEAD_OPTIONS,
  HEADS,
  type HeadName,
  type HeadOptions,
  type HeadOutputs,
} from './heads/embedding-head.ts';
import { addPixelBuffers, checkPixels, PIXEL_OPTIONS, type PixelOptions } from './heads/pixels.ts';

/** Options of {@link FastReID}. */
export interface FastReIDOptions extends BackboneOptions, HeadOptions, PixelOptions {
  /** Identities of the training set. Default 751, Market-1501's. */
  numClasses?: number;
  /** Default `'EmbeddingHead'`. */
  head?: HeadName;
}

/** Names of {@link FastReIDOptions}. */
export const FAST_REID_OPTIONS = [
  ...[...BACKBONE_OPTIONS, ...HEAD_OPTIONS, ...PIXEL_OPTIONS],
  ...['numClasses', 'head'],
];

/** The entries of an object under these names. */
export function pick<T extends object>(options: T, names: readonly string[]): Partial<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => names.includes(name) && value !== undefined),
  ) as Partial<T>;
}

/**
 * fast-reid's `Baseline`: the same keys (`backbone.*`, `heads.*`), initial weights under the same seed, and outputs.
 * Images (N, 3, H, W) as RGB pixels from 0 to 255: **mean and deviation are inside the network** and must not be taken
 * off before. The published network changes the images that it is given; this one does not.
 *
 * In evaluation `forward(images)` gives features (N, D), in training `forward(images, targets)` the head's outputs
 * ({@link HeadOutputs}) for the losses.
 *
 * @example
 * const model = new reid.FastReID({ depth: '50x', withIbn: true, poolLayer: 'GeneralizedMeanPoolingP' });
 */
export class FastReID extends Module {
  /** Length of a feature. */
  readonly featDim: number;
  readonly options: Readonly<FastReIDOptions>;
  declare pixel_mean: Tensor;
  declare pixel_std: Tensor;
  backbone: ResNetBackbone | OSNetFeatures;
  heads: EmbeddingHead;

  constructor(options: FastReIDOptions = {}) {
    checkPositions('FastReID', arguments, 1);
    super();
    checkOptions('FastReID', options, FAST_REID_OPTIONS);
    const { head = 'EmbeddingHead' } = options;
    checkChoice('FastReID', 'head', head, Object.keys(HEADS) as HeadName[]);
    const numClasses = checkCount('FastReID', 'numClasses', options.numClasses ?? 751, 0);
    const [backbone, heads] = deferDraws(() => {
      const built = buildFastReIDBackbone('FastReID', pick(options, BACKBONE_OPTIONS));
      const made = new HEADS[head](built.channels, numClasses, pick(options, HEAD_OPTIONS));
      return [built.backbone, made] as const;
    });
    this.options = { ...options };
    this.backbone = backbone;
    this.heads = heads;
    this.featDim = heads.featDim;
    addPixelBuffers(this, options);
  }

  forward(images: Tensor, targets?: Tensor): Tensor | HeadOutputs {
    checkPixels(this, images);
    return temporaries(() => {
      const x = ops.aten.div(ops.aten.sub(images, this.pixel_mean), this.pixel_std);
      return this.heads.forward(call(this.backbone, x), targets);
    });
  }
}
