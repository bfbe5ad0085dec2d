import type { IBNConfig, IBNPlacement } from '../../../models/blocks/placement.ts';
import { SEGMENT_BACKBONES } from '../backbone.ts';
import { renamed, type Shapes } from './finding.ts';

/** A backbone that keys and shapes describe. */
export interface FoundBackbone {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Reads the backbone off the keys under `backbone.`; undefined where it is none of ours. */
export function findBackbone(shapes: Shapes): FoundBackbone | undefined {
  const under = new Map([...shapes].filter(([key]) => key.startsWith('backbone.')));
  const own = renamed(under, 'backbone.', (key) => key);
  const name = nameOf(own);
  if (!SEGMENT_BACKBONES.includes(name)) return undefined;
  const planes = own.get('conv1.weight')?.[0] as number;
  const width = (stage: number) => widthOf(own, stage, name);
  const widths = [1, 2, 3, 4].map(width);
  const affine = !own.has('bn1.running_mean') && !own.has('bn1.weight') ? { affine: false } : {};
  return {
    name,
    options: {
      ...(own.has('conv3.weight') ? { stem: 'deep' } : {}),
      ...(planes === 64 && widths.join() === '64,128,256,512' ? {} : { widths }),
      ...placementsOf(own, name),
      ...affine,
    },
  };
}

function nameOf(own: Shapes): string {
  const blocks = [...own.keys()].filter((key) => /^layer\d\.\d+\.conv1\.weight$/.test(key)).length;
  const isDeep = own.has('layer1.0.conv3.weight');
  const depth = blocks * (isDeep ? 3 : 2) + 2;
  const [, inputs] = own.get('layer1.0.conv2.weight') ?? [];
  const isGrouped = inputs !== own.get('layer1.0.conv1.weight')?.[0];
  const kind = isGrouped ? 'resnext' : own.has('layer1.0.se.fc.0.weight') ? 'se_resnet' : 'resnet';
  const hasA = own.has('layer1.0.bn1.IN.weight');
  return `${kind}${depth}${hasA ? '_ibn_a' : hasStemNorm(own) ? '_ibn_b' : ''}`;
}

/** An instance norm has no running mean. */
const hasStemNorm = (own: Shapes): boolean => !own.has('bn1.running_mean');

function widthOf(own: Shapes, stage: number, name: string): number {
  const [outputs = 0] = own.get(`layer${stage}.0.conv1.weight`) ?? [];
  return name.startsWith('resnext') ? outputs / 2 : outputs;
}

/** Where they are not those of the name. */
function placementsOf(own: Shapes, name: string): { ibnCfg?: IBNConfig } {
  const affine = own.has('bn1.weight');
  const found = [1, 2, 3, 4].map((stage): IBNPlacement => {
    if (own.has(`layer${stage}.0.bn1.IN.weight`)) return 'a';
    const isLast = (key: string) => new RegExp(`^layer${stage}\\.\\d+\\.IN\\.weight$`).test(key);
    return [...own.keys()].some(isLast) ? 'b' : null;
  });
  const named = name.endsWith('_a') ? 'a,a,a,' : name.endsWith('_b') ? 'b,b,,' : ',,,';
  // Norms without scale and shift leave no keys: those of the name are taken.
  if (!affine || found.join() === named) return {};
  return { ibnCfg: found as unknown as IBNConfig };
}
