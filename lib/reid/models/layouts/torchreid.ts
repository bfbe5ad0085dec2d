import { OSNET_CHANNELS, type OSNetWidth } from '../backbones/osnet.ts';
import { OSNet, type OSNetClassOptions } from '../osnet.ts';
import { type Finding, prefixBefore, type Shapes, under } from './finding.ts';

/** The width whose stem has so many channels. */
export function osnetWidth(stem: number | undefined): OSNetWidth | undefined {
  const widths = Object.keys(OSNET_CHANNELS) as OSNetWidth[];
  return widths.find((width) => OSNET_CHANNELS[width][0] === stem);
}

/** Finds an OSNet of deep-person-reid. */
export function findTorchreid(shapes: Shapes): Finding | undefined {
  const prefix = prefixBefore(shapes, /(?<=^|\.)conv2\.0\.conv1\.conv\.weight$/);
  if (prefix === undefined || prefix.endsWith('backbone.')) return undefined;
  const own = under(shapes, prefix);
  const width = osnetWidth(own.get('conv1.conv.weight')?.[0]);
  if (width === undefined) return undefined;
  const isAin = own.has('conv2.0.conv2.0.layers.0.conv1.weight');
  const kind = isAin ? 'ain' : own.has('conv2.0.IN.weight') ? 'ibn' : 'plain';
  const featureDim = own.get('fc.0.weight')?.[0] ?? null;
  return {
    ...{ layout: 'torchreid', prefix, size: [256, 128], heads: ['classifier.'] },
    name: `osnet_${kind === 'plain' ? '' : `${kind}_`}${width}`,
    options: { width, kind, featureDim },
    assumed: [],
    numClasses: own.get('classifier.weight')?.[0],
    rename: (key) => key,
    build: (options) => new OSNet(options as OSNetClassOptions),
  };
}
