import { call } from '../../nn/forward-then-release.ts';
import { Conv2d, type Module, Sequential } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { BackboneFeatures } from './backbone.ts';
import { convNormRelu, FCNHead, initHead, ProjectedASPP, pyramidRates } from './heads.ts';
import { Segmenter, type SegmenterOptions, settle } from './segmenter.ts';

const CHANNELS = 256;

/**
 * DeepLabV3 as torchvision has it, with its keys: a pyramid of dilated convolutions behind the backbone, no decoder. Defaults
 * are torchvision's: output stride 8, the first block of a dilated stage dilated as the stage before, borders on borders.
 *
 * @example
 * const model = new segment.DeepLabV3({ backbone: 'resnet101', numClasses: 21 }).eval();
 */
export class DeepLabV3 extends Segmenter {
  classifier: Sequential;
  aux_classifier: FCNHead | null;

  constructor(options: SegmenterOptions = {}) {
    checkPositions('DeepLabV3', arguments, 1);
    const { backbone, settings } = settle('DeepLabV3', options, { dilateFirst: false, alignCorners: false });
    super(backbone, settings);
    const { aux, numClasses } = settings;
    const rates = pyramidRates(backbone.outputStride);
    this.classifier = new Sequential(
      new ProjectedASPP(backbone.channels.out, CHANNELS, rates),
      ...convNormRelu(CHANNELS, CHANNELS, 1),
      new Conv2d(CHANNELS, numClasses, 1),
    );
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
