import { call } from '../../nn/forward-then-release.ts';
import type { Module } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { BackboneFeatures } from './backbone.ts';
import { FCNHead, initHead } from './heads.ts';
import { Segmenter, type SegmenterOptions, settle } from './segmenter.ts';

/**
 * The network of IBN-Net's paper: a backbone at output stride 8, one 3x3 convolution, scores, and bilinear interpolation by
 * eight; no pyramid and no decoder. Its keys are those of torchvision's `FCN`, whose files `load` reads.
 *
 * @example
 * const model = new segment.FCN({ backbone: 'resnet50_ibn_b', numClasses: 19 }).eval();
 */
export class FCN extends Segmenter {
  classifier: FCNHead;
  aux_classifier: FCNHead | null;

  constructor(options: SegmenterOptions = {}) {
    checkPositions('FCN', arguments, 1);
    const { backbone, settings } = settle('FCN', options, { alignCorners: true });
    super(backbone, settings);
    const { aux, numClasses } = settings;
    this.classifier = new FCNHead(backbone.channels.out, numClasses);
    this.aux_classifier = aux ? new FCNHead(backbone.channels.aux, numClasses) : null;
    initHead(this.classifier);
    if (this.aux_classifier !== null) initHead(this.aux_classifier);
  }

  protected decode({ out }: BackboneFeatures): Tensor {
    return call(this.classifier, out); // (N, numClasses, H / 8, W / 8)
  }

  protected get auxiliary(): Module | null {
    return this.aux_classifier;
  }
}
