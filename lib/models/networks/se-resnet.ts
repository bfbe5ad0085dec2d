import { checkPositions } from '../../options.ts';
import { PLAIN } from '../blocks/placement.ts';
import type { EntryOptions } from './resnet-ibn.ts';
import { buildSEResNet, type SEResNet_IBN } from './se-resnet-ibn.ts';

/** Plain SE-ResNet-50, the counterpart of `se_resnet50_ibn_a`; torchvision has none. */
export function se_resnet50(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet50', arguments, 1);
  return buildSEResNet('se_resnet50', [3, 4, 6, 3], { ibnCfg: PLAIN }, options);
}

/** Plain SE-ResNet-101. */
export function se_resnet101(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet101', arguments, 1);
  return buildSEResNet('se_resnet101', [3, 4, 23, 3], { ibnCfg: PLAIN }, options);
}

/** Plain SE-ResNet-152. */
export function se_resnet152(options: EntryOptions = {}): SEResNet_IBN {
  checkPositions('se_resnet152', arguments, 1);
  return buildSEResNet('se_resnet152', [3, 8, 36, 3], { ibnCfg: PLAIN }, options);
}
