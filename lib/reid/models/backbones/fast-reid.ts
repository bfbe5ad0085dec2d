import { A, type IBNConfig, PLAIN } from '../../../models/blocks/placement.ts';
import {
  BasicBlock_IBN,
  type BlockClass,
  type BlockOptions,
  Bottleneck_IBN,
} from '../../../models/blocks/residual-blocks.ts';
import type { Depths } from '../../../models/networks/resnet-ibn.ts';
import { SEBottleneck_IBN } from '../../../models/networks/se-resnet-ibn.ts';
import { checkChoice } from '../checks.ts';
import { initOSNet, OSNET_CHANNELS, OSNetFeatures, type OSNetWidth } from './osnet.ts';
import { ResNetBackbone } from './resnet.ts';

/** Options of the backbone, fast-reid's `MODEL.BACKBONE`. */
export interface BackboneOptions {
  /** `'resnet'` (default), `'resnext'` (32x4d) or `'osnet'`. */
  backbone?: 'resnet' | 'resnext' | 'osnet';
  /** Of a ResNet `'18x'`, `'34x'`, `'50x'` (default) or `'101x'`, of a ResNeXt from `'50x'` to `'152x'`; of an OSNet its width. */
  depth?: '18x' | '34x' | '50x' | '101x' | '152x' | OSNetWidth;
  /** IBN-a; of an OSNet IBN-b. Default false. */
  withIbn?: boolean;
  /** Squeeze and excitation; a ResNet's only. Default false. */
  withSe?: boolean;
  /** Non-local blocks; not an OSNet's. Default false. */
  withNl?: boolean;
  /** Stride of stage 4. Default 1; not an OSNet's. */
  lastStride?: 1 | 2;
  /**
   * The max-pooling of a ResNet: `'ceil'` (default), with `ceil_mode` and no padding, as fast-reid from 1.0 on; `'padded'`, as before
   * and in torchvision. The weights do not tell; a file with `heads.bnneck` is from before.
   */
  maxPool?: 'ceil' | 'padded';
  /** `'BN'` (default) or `'syncBN'`, which is the same in one process. */
  norm?: 'BN' | 'syncBN';
}

/** Names of {@link BackboneOptions}. */
export const BACKBONE_OPTIONS = [
  ...['backbone', 'depth', 'withIbn', 'withSe', 'withNl', 'lastStride', 'maxPool', 'norm'],
];

type Filled = Required<BackboneOptions>;

/** The backbone and the channels of its map. */
export interface BuiltBackbone {
  readonly backbone: ResNetBackbone | OSNetFeatures;
  readonly channels: number;
}

/** `BasicBlock_IBN` whose channels an SELayer scales before the addition. */
class SEBasicBlock extends BasicBlock_IBN {
  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super(inplanes, planes, { ...options, se: true });
  }
}

const LAYERS: Readonly<Record<string, Depths>> = {
  '18x': [2, 2, 2, 2],
  '34x': [3, 4, 6, 3],
  '50x': [3, 4, 6, 3],
  '101x': [3, 4, 23, 3],
  '152x': [3, 8, 36, 3],
};

const RESNET_NON_LOCAL: Readonly<Record<string, Depths>> = {
  '18x': [0, 0, 0, 0],
  '34x': [0, 0, 0, 0],
  '50x': [0, 2, 3, 0],
  '101x': [0, 2, 9, 0],
};

const RESNEXT_NON_LOCAL: Readonly<Record<string, Depths>> = {
  '50x': [0, 2, 3, 0],
  '101x': [0, 2, 3, 0],
};

const IN_ALL_STAGES: IBNConfig = ['a', 'a', 'a', 'a'];

function filled(owner: string, options: BackboneOptions): Filled {
  const { backbone = 'resnet', withIbn = false, withSe = false, withNl = false } = options;
  const { lastStride = 1, maxPool = 'ceil', norm = 'BN' } = options;
  checkChoice(owner, 'backbone', backbone, ['resnet', 'resnext', 'osnet']);
  const depth = options.depth ?? (backbone === 'osnet' ? 'x1_0' : '50x');
  checkChoice(owner, 'norm', norm, ['BN', 'syncBN']);
  checkChoice(owner, 'maxPool', maxPool, ['ceil', 'padded']);
  checkChoice(owner, 'lastStride', lastStride, [1, 2]);
  for (const [name, value] of Object.entries({ withIbn, withSe, withNl }))
    checkChoice(owner, name, value, [true, false]);
  return { backbone, depth, withIbn, withSe, withNl, lastStride, maxPool, norm };
}

/** Refuses an option that the backbone would not read. */
function refuse(owner: string, options: BackboneOptions, names: readonly (keyof BackboneOptions)[]): void {
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  throw new RangeError(`Expected no ${given} for ${owner} with a backbone "${options.backbone}"`);
}

function resnet(
  owner: string,
  { depth, withIbn, withSe, withNl, lastStride, maxPool }: Filled,
): BuiltBackbone {
  checkChoice(owner, 'depth of a resnet', depth, ['18x', '34x', '50x', '101x']);
  const isDeep = depth === '50x' || depth === '101x';
  const [plain, se]: [BlockClass, BlockClass] = isDeep
    ? [Bottleneck_IBN, SEBottleneck_IBN]
    : [BasicBlock_IBN, SEBasicBlock];
  const backbone = new ResNetBackbone({
    block: withSe ? se : plain,
    layers: LAYERS[depth] as Depths,
    ibnCfg: withIbn ? A : PLAIN,
    ...{ lastStride, maxPool, stemRelu: true, init: 'normal' },
    ...(withNl ? { nonLocal: RESNET_NON_LOCAL[depth] as Depths } : {}),
  });
  return { backbone, channels: backbone.featDim };
}

/** Its last stage has IBN layers too, which IBN-Net's ResNeXt has not. */
function resnext(owner: string, { depth, withIbn, withNl, lastStride }: Filled): BuiltBackbone {
  checkChoice(owner, 'depth of a resnext', depth, withNl ? ['50x', '101x'] : ['50x', '101x', '152x']);
  const backbone = new ResNetBackbone({
    ...{ block: Bottleneck_IBN, layers: LAYERS[depth] as Depths, groups: 32, baseWidth: 4 },
    ibnCfg: withIbn ? IN_ALL_STAGES : PLAIN,
    ...{ lastStride, maxPool: 'padded', stemRelu: true, init: 'stem-twice' },
    ...(withNl ? { nonLocal: RESNEXT_NON_LOCAL[depth] as Depths } : {}),
  });
  return { backbone, channels: backbone.featDim };
}

function osnet(owner: string, { depth, withIbn }: Filled): BuiltBackbone {
  const width = checkChoice(owner, 'depth of an osnet', depth, Object.keys(OSNET_CHANNELS) as OSNetWidth[]);
  const kind = withIbn ? 'ibn' : 'plain';
  const backbone = new OSNetFeatures({ channels: OSNET_CHANNELS[width as OSNetWidth], kind });
  initOSNet(backbone);
  return { backbone, channels: backbone.mapChannels };
}

/** Builds the backbone of a fast-reid network. */
export function buildFastReIDBackbone(owner: string, options: BackboneOptions): BuiltBackbone {
  const settings = filled(owner, options);
  if (settings.backbone === 'resnet') return resnet(owner, settings);
  if (settings.backbone === 'resnext') {
    refuse(owner, options, ['withSe', 'maxPool']);
    return resnext(owner, settings);
  }
  refuse(owner, options, ['withSe', 'withNl', 'lastStride', 'maxPool']);
  return osnet(owner, settings);
}
