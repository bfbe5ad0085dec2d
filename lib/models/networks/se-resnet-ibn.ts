import { checkPositions } from '../../options.ts';
import { A } from '../blocks/placement.ts';
import { type BlockOptions, Bottleneck_IBN } from '../blocks/residual-blocks.ts';
import { initConv } from '../blocks/residual-stages.ts';
import { buildEntry } from '../pretrained.ts';
import { type Depths, type EntryOptions, OPTIONS, ResNet_IBN, type ResNetIBNOptions } from './resnet-ibn.ts';

/** `Bottleneck_IBN` whose channels an SELayer scales before the addition. */
export class SEBottleneck_IBN extends Bottleneck_IBN {
  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    checkPositions('SEBottleneck_IBN', arguments, 3);
    super(inplanes, planes, { ...options, se: true });
  }
}

/**
 * SE-ResNet with instance-batch normalisation, as the published `ResNet_IBN` of SE blocks: the same keys, initial
 * weights under the same seed, and outputs. (N, C, H, W) -> logits (N, numClasses).
 *
 * The published functions take no arguments, so 1000 classes and 224x224 images only; these take all of
 * `ResNet_IBN`'s, and other sizes.
 *
 * @example
 * new models.SEResNet_IBN([3, 4, 6, 3], { numClasses: 751 });
 */
export class SEResNet_IBN extends ResNet_IBN {
  /** @param layers Blocks of each stage, such as `[3, 4, 6, 3]`. */
  constructor(layers: Depths, options: ResNetIBNOptions = {}) {
    checkPositions('SEResNet_IBN', arguments, 2);
    super(SEBottleneck_IBN, layers, options);
  }

  /** The published code draws the stem's weights once more before all others. */
  protected override initConvs(): void {
    initConv(this.conv1);
    super.initConvs();
  }
}

/** Builds an SEResNet_IBN for the entry point `name`. */
export function buildSEResNet(
  name: string,
  layers: Depths,
  defaults: ResNetIBNOptions,
  options: EntryOptions,
): SEResNet_IBN {
  const make = (given: ResNetIBNOptions) => new SEResNet_IBN(layers, { ...defaults, ...given });
  return buildEntry(name, OPTIONS, options, make);
}

/** SE-ResNet-50-IBN-a. */
export function se_resnet50_ibn_a(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet50_ibn_a', arguments, 1);
  return buildSEResNet('se_resnet50_ibn_a', [3, 4, 6, 3], { ibnCfg: A }, options);
}

/** SE-ResNet-101-IBN-a. */
export function se_resnet101_ibn_a(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet101_ibn_a', arguments, 1);
  return buildSEResNet('se_resnet101_ibn_a', [3, 4, 23, 3], { ibnCfg: A }, options);
}

/** SE-ResNet-152-IBN-a. */
export function se_resnet152_ibn_a(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet152_ibn_a', arguments, 1);
  return buildSEResNet('se_resnet152_ibn_a', [3, 8, 36, 3], { ibnCfg: A }, options);
}
