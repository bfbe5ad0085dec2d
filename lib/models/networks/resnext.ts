import { checkPositions } from '../../options.ts';
import { PLAIN } from '../blocks/placement.ts';
import { Bottleneck_IBN } from '../blocks/residual-blocks.ts';
import { buildResNet, type EntryOptions, type ResNet_IBN } from './resnet-ibn.ts';

const DEFAULTS = { ibnCfg: PLAIN, groups: 32, widthPerGroup: 4 };

/** Plain ResNeXt-50 (32x4d): torchvision's keys and, under one seed, its initial weights. */
export function resnext50_32x4d(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnext50_32x4d', arguments, 1);
  return buildResNet('resnext50_32x4d', Bottleneck_IBN, [3, 4, 6, 3], DEFAULTS, options);
}

/** Plain ResNeXt-101 (32x4d), the counterpart of `resnext101_ibn_a`; torchvision has it as 32x8d and 64x4d only. */
export function resnext101_32x4d(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnext101_32x4d', arguments, 1);
  return buildResNet('resnext101_32x4d', Bottleneck_IBN, [3, 4, 23, 3], DEFAULTS, options);
}

/** Plain ResNeXt-152 (32x4d), the counterpart of `resnext152_ibn_a`; torchvision has none. */
export function resnext152_32x4d(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnext152_32x4d', arguments, 1);
  return buildResNet('resnext152_32x4d', Bottleneck_IBN, [3, 8, 36, 3], DEFAULTS, options);
}
