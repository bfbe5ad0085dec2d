import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { Conv2d, Dropout2d, type Module, Sequential } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import type { BackboneFeatures } from './backbone.ts';
import { ASPP, convNormRelu, initHead, pyramidRates } from './heads.ts';
import { Segmenter, type SegmenterOptions, settle } from './segmenter.ts';
import { upsampled } from './upsample.ts';

const CHANNELS = 256;
const FINE = 48;

/**
 * DeepLabV3+ as RobustNet has it, the modern network that its published IBN figures are of: a pyramid of dilated convolutions
 * (ASPP) behind the backbone, and a decoder that joins it with the map of stage 1. The heads have RobustNet's keys; `load`
 * reads its files. Default output stride 16.
 *
 * @example
 * const model = new segment.DeepLabV3Plus({ backbone: 'resnet50_ibn_b', outputStride: 16 }).eval();
 */
export class DeepLabV3Plus extends Segmenter {
  aspp: ASPP;
  bot_fine: Sequential;
  bot_aspp: Sequential;
  final1: Sequential;
  final2: Sequential;
  dsn: Sequential | null;

  constructor(options: SegmenterOptions = {}) {
    checkPositions('DeepLabV3Plus', arguments, 1);
    const { backbone, settings } = settle('DeepLabV3Plus', options, { outputStride: 16, alignCorners: true });
    super(backbone, settings);
    const { low, aux, out } = backbone.channels;
    const { numClasses } = settings;
    const rates = pyramidRates(backbone.outputStride);
    this.aspp = new ASPP(out, CHANNELS, rates);
    this.bot_fine = new Sequential(...convNormRelu(low, FINE));
    this.bot_aspp = new Sequential(...convNormRelu((rates.length + 2) * CHANNELS, CHANNELS));
    this.final1 = new Sequential(
      ...convNormRelu(CHANNELS + FINE, CHANNELS, 1),
      ...convNormRelu(CHANNELS, CHANNELS, 1),
    );
    this.final2 = new Sequential(new Conv2d(CHANNELS, numClasses, 1));
    this.dsn = settings.aux ? auxiliaryHead(aux, numClasses) : null;
    for (const head of [this.dsn, this.aspp, this.bot_aspp, this.bot_fine, this.final1, this.final2])
      if (head !== null) initHead(head);
  }

  protected decode({ low, out }: BackboneFeatures): Tensor {
    const context = forwardThenRelease(this.bot_aspp, call(this.aspp, out)); // (N, 256, H / 16, W / 16)
    const size = low.shape.slice(2);
    const both = [call(this.bot_fine, low), upsampled(context, size, this.alignCorners)];
    const joined = ops.aten.cat(both, 1); // (N, 304, H / 4, W / 4)
    return forwardThenRelease(this.final2, forwardThenRelease(this.final1, joined));
  }

  protected get auxiliary(): Module | null {
    return this.dsn;
  }
}

/** Its first convolution has a bias besides the norm's. */
function auxiliaryHead(inputs: number, numClasses: number): Sequential {
  const [, norm, relu] = convNormRelu(inputs, 512, 1);
  return new Sequential(
    new Conv2d(inputs, 512, 3, { padding: 1 }),
    norm,
    relu,
    new Dropout2d(0.1),
    new Conv2d(512, numClasses, 1),
  );
}
