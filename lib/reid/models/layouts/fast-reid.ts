import { FastReID, type FastReIDOptions } from '../fast-reid.ts';
import { MGN, type MGNOptions } from '../mgn.ts';
import { countBlocks, type Finding, prefixBefore, type Shapes, under } from './finding.ts';
import { osnetWidth } from './torchreid.ts';

type Options = Record<string, unknown>;

const ANCHOR = /(?<=^|\.)backbone\.(layer1\.0\.conv1|conv2\.0\.conv1\.conv|4\.0\.conv1)\.weight$/;

/** What the shapes of a ResNet or ResNeXt tell; undefined where there is no such depth. */
function resnetOptions(backbone: Shapes, blocks: number): Options | undefined {
  const isDeep = backbone.has('layer1.0.conv3.weight');
  const depth = `${blocks * (isDeep ? 3 : 2) + 2}x`;
  const known = isDeep ? ['50x', '101x', '152x'] : ['18x', '34x'];
  if (!known.includes(depth)) return undefined;
  const isResnext = isDeep && backbone.get('layer1.0.conv2.weight')?.[1] === 4;
  return {
    ...(isResnext ? { backbone: 'resnext' } : {}),
    depth,
    ...(backbone.has('layer1.0.bn1.IN.weight') ? { withIbn: true } : {}),
    ...(backbone.has('layer1.0.se.fc.0.weight') ? { withSe: true } : {}),
    ...(backbone.has('NL_2.0.g.weight') ? { withNl: true } : {}),
  };
}

function osnetOptions(backbone: Shapes): Options | undefined {
  const depth = osnetWidth(backbone.get('conv1.conv.weight')?.[0]);
  const withIbn = backbone.has('conv2.0.IN.weight');
  return depth === undefined ? undefined : { backbone: 'osnet', depth, ...(withIbn ? { withIbn } : {}) };
}

/** Keys of before 1.3 and 1.0 as they are today. */
function renameHead(key: string): string {
  return key
    .replace(/(^|_)(heads?)\.classifier\.weight$/, '$1$2.weight')
    .replace(/^heads\.bnneck\./, 'heads.bottleneck.0.');
}

/** What the shapes of a head tell. */
function headOptions(head: Shapes, withNl: boolean): { options: Options; assumed: string[] } {
  const isConv = head.get('bottleneck.0.weight')?.length === 4;
  const hasNeck = head.has(`bottleneck.${isConv ? 1 : 0}.running_mean`);
  const isLearnt = head.has('pool_layer.p');
  const poolLayer = isLearnt
    ? 'GeneralizedMeanPoolingP'
    : withNl
      ? 'GeneralizedMeanPooling'
      : 'GlobalAvgPool';
  const options = {
    poolLayer,
    withBnneck: hasNeck,
    ...(isConv ? { embeddingDim: head.get('bottleneck.0.weight')?.[0] } : {}),
  };
  return { options, assumed: isLearnt ? [] : [`poolLayer '${poolLayer}'`] };
}

/** Finds a network of fast-reid: 1.0 and later, and those of before with `heads.bnneck`. */
export function findFastReID(shapes: Shapes): Finding | undefined {
  const prefix = prefixBefore(shapes, ANCHOR);
  if (prefix === undefined) return undefined;
  const raw = under(shapes, prefix);
  const own = new Map([...raw].map(([key, shape]) => [renameHead(key), shape]));
  return own.has('b1_head.weight') || own.has('backbone.4.0.conv1.weight')
    ? findMGN(own, prefix)
    : findBaseline(own, prefix, raw.has('heads.bnneck.weight'));
}

const rename = (key: string): string | null => (/^pixel_(mean|std)$/.test(key) ? null : renameHead(key));

function findBaseline(own: Shapes, prefix: string, isOld: boolean): Finding | undefined {
  const backbone = under(own, 'backbone.');
  const blocks = countBlocks(backbone);
  const found = blocks > 0 ? resnetOptions(backbone, blocks) : osnetOptions(backbone);
  if (found === undefined) return undefined;
  const withNl = found.withNl === true;
  const { options, assumed } = headOptions(under(own, 'heads.'), withNl);
  const family = nameOf(withNl, options.poolLayer === 'GeneralizedMeanPoolingP');
  const isResnet = found.backbone === undefined;
  return {
    ...{ layout: 'fast-reid', prefix, rename, heads: ['heads.weight'] },
    name: [family, found.backbone, found.depth, found.withIbn && 'ibn', found.withSe && 'se']
      .filter((part) => typeof part === 'string')
      .join(' '),
    options: { ...found, ...options, ...(isOld && isResnet ? { maxPool: 'padded' } : {}) },
    assumed: [...(found.backbone === 'osnet' ? [] : ['lastStride 1']), ...assumed],
    numClasses: own.get('heads.weight')?.[0],
    size: family === 'SBS' ? [384, 128] : [256, 128],
    build: (given) => new FastReID(given as FastReIDOptions),
  };
}

function nameOf(withNl: boolean, isLearnt: boolean): string {
  if (withNl) return isLearnt ? 'SBS' : 'AGW';
  return 'bagtricks';
}

function findMGN(own: Shapes, prefix: string): Finding | undefined {
  const rest = [...own.keys()].filter((key) => /^b1\.0\.\d+\.conv1\.weight$/.test(key)).length;
  const depth = ({ 5: '50x', 22: '101x' } as Record<number, string>)[rest];
  if (depth === undefined) return undefined;
  const withIbn = own.has('backbone.4.0.bn1.IN.weight');
  const withSe = own.has('backbone.4.0.se.fc.0.weight');
  const { options, assumed } = headOptions(under(own, 'b1_head.'), false);
  const heads = [...own.keys()].filter((key) => /^b\d+_head\.weight$/.test(key));
  return {
    ...{ layout: 'fast-reid', prefix, rename, heads, size: [384, 128] },
    name: ['MGN', depth, ...(withIbn ? ['ibn'] : []), ...(withSe ? ['se'] : [])].join(' '),
    options: { depth, ...(withIbn ? { withIbn } : {}), ...(withSe ? { withSe } : {}), ...options },
    assumed: ['lastStride 1', ...assumed],
    numClasses: own.get('b1_head.weight')?.[0],
    build: (given) => new MGN(given as MGNOptions),
  };
}
