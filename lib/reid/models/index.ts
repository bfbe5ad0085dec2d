/** Networks for re-identification, with the keys and numbers of the published ones. */
import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as nonLocal from './backbones/non-local.ts';
import * as osnetBackbone from './backbones/osnet.ts';
import * as osnetBlocks from './backbones/osnet-blocks.ts';
import * as resnet from './backbones/resnet.ts';
import * as senet from './backbones/senet.ts';
import * as osnet from './osnet.ts';
import * as strongBaseline from './strong-baseline.ts';

export { NonLocal } from './backbones/non-local.ts';
export {
  OSNET_CHANNELS,
  OSNetFeatures,
  type OSNetKind,
  type OSNetSettings,
  type OSNetWidth,
} from './backbones/osnet.ts';
export {
  ChannelGate,
  ConvNorm,
  LightConv3x3,
  LightConvStream,
  OSBlock,
  OSBlockAIN,
} from './backbones/osnet-blocks.ts';
export { ResNetBackbone, type ResNetBackboneSettings } from './backbones/resnet.ts';
export { type SEBlockKind, SEBottleneck, SEModule, SENet, type SENetSettings } from './backbones/senet.ts';
export * from './osnet.ts';
export {
  type ScoresAndFeatures,
  STRONG_BASELINE_BACKBONES,
  StrongBaseline,
  type StrongBaselineBackbone,
  type StrongBaselineOptions,
} from './strong-baseline.ts';

registerOwnClasses(nonLocal, osnet, osnetBackbone, osnetBlocks, resnet, senet, strongBaseline);
