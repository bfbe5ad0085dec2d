import { call } from '../../nn/forward-then-release.ts';
import { Module } from '../../nn/index.ts';
import { checkChoice, checkCount, checkFlags, checkOptions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { release, temporaries } from '../../tensor/scope.ts';
import {
  BACKBONE_OPTIONS,
  type BackboneFeatures,
  SegmentBackbone,
  type SegmentBackboneOptions,
} from './backbone.ts';
import { upsampled } from './upsample.ts';

/** Options of the networks for segmentation, all of them plain values. */
export interface SegmenterOptions extends SegmentBackboneOptions {
  /** Name of the backbone, one of `SEGMENT_BACKBONES`. Default `'resnet50'`. */
  backbone?: string;
  /** Classes that are told apart. Default 19, Cityscapes'. */
  numClasses?: number;
  /** Scores of stage 3 too, while training. Default true. */
  aux?: boolean;
  /** How scores come to the image's size: corners on corners (default but for `DeepLabV3`), or borders on borders. */
  alignCorners?: boolean;
}

/** What a network gives while it is trained with an auxiliary head: scores (N, numClasses, H, W) each. */
export interface SegmenterOutputs {
  readonly out: Tensor;
  readonly aux: Tensor;
}

const OPTIONS = ['backbone', 'numClasses', 'aux', 'alignCorners', ...BACKBONE_OPTIONS];

/** Options of a class in full. */
export interface SegmenterSettings extends SegmenterOptions {
  readonly numClasses: number;
  readonly aux: boolean;
  readonly alignCorners: boolean;
}

/**
 * What the networks share. Images (N, 3, H, W), normalised with ImageNet's mean and deviation, of any size -> scores
 * (N, numClasses, H, W); in training with an auxiliary head {@link SegmenterOutputs}.
 */
export abstract class Segmenter extends Module {
  readonly numClasses: number;
  readonly alignCorners: boolean;
  backbone: SegmentBackbone;

  constructor(backbone: SegmentBackbone, { numClasses, alignCorners }: SegmenterSettings) {
    super();
    this.numClasses = numClasses;
    this.alignCorners = alignCorners;
    this.backbone = backbone;
  }

  /** Scores, smaller than the image, of the backbone's maps. */
  protected abstract decode(features: BackboneFeatures): Tensor;

  /** The head of stage 3, or null. */
  protected abstract get auxiliary(): Module | null;

  forward(x: Tensor): Tensor | SegmenterOutputs {
    return temporaries(() => {
      const size = x.shape.slice(2);
      const features = this.backbone.forward(x) as BackboneFeatures;
      const out = upsampled(this.decode(features), size, this.alignCorners); // (N, numClasses, H, W)
      release(features.out);
      release(features.low);
      const { auxiliary } = this;
      if (!this.training || auxiliary === null) return out;
      return { out, aux: upsampled(call(auxiliary, features.aux), size, this.alignCorners) };
    });
  }
}

/** Checks and fills in the options of a network, and builds its backbone. */
export function settle(
  owner: string,
  options: SegmenterOptions,
  defaults: Pick<SegmenterOptions, 'outputStride' | 'dilateFirst'> & { readonly alignCorners: boolean },
): { backbone: SegmentBackbone; settings: SegmenterSettings } {
  checkOptions(owner, options, OPTIONS);
  const { backbone = 'resnet50', aux = true, alignCorners = defaults.alignCorners } = options;
  checkFlags(owner, { aux, alignCorners });
  const numClasses = checkCount(owner, 'numClasses', options.numClasses ?? 19);
  const { outputStride = defaults.outputStride ?? 8, dilateFirst = defaults.dilateFirst ?? true } = options;
  checkChoice(owner, 'outputStride', outputStride, [8, 16, 32]);
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => BACKBONE_OPTIONS.includes(name)));
  return {
    backbone: new SegmentBackbone(backbone, { ...own, outputStride, dilateFirst }),
    settings: { ...options, numClasses, aux, alignCorners },
  };
}
