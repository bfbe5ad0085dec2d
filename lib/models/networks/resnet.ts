import { checkPositions } from '../../options.ts';
import { PLAIN } from '../blocks/placement.ts';
import { BasicBlock_IBN, Bottleneck_IBN } from '../blocks/residual-blocks.ts';
import { buildResNet, type EntryOptions, type ResNet_IBN } from './resnet-ibn.ts';

/** Plain ResNet-18: torchvision's keys and, under one seed, its initial weights. */
export function resnet18(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet18', arguments, 1);
  return buildResNet('resnet18', BasicBlock_IBN, [2, 2, 2, 2], { ibnCfg: PLAIN }, options);
}

/** Plain ResNet-34, as torchvision's. */
export function resnet34(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet34', arguments, 1);
  return buildResNet('resnet34', BasicBlock_IBN, [3, 4, 6, 3], { ibnCfg: PLAIN }, options);
}

/** Plain ResNet-50, as torchvision's. */
export function resnet50(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet50', arguments, 1);
  return buildResNet('resnet50', Bottleneck_IBN, [3, 4, 6, 3], { ibnCfg: PLAIN }, options);
}

/** Plain ResNet-101, as torchvision's. */
export function resnet101(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet101', arguments, 1);
  return buildResNet('resnet101', Bottleneck_IBN, [3, 4, 23, 3], { ibnCfg: PLAIN }, options);
}

/** Plain ResNet-152, as torchvision's. */
export function resnet152(options: EntryOptions = {}): ResNet_IBN {
  checkPositions('resnet152', arguments, 1);
  return buildResNet('resnet152', Bottleneck_IBN, [3, 8, 36, 3], { ibnCfg: PLAIN }, options);
}
