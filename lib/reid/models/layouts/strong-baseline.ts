import {
  STRONG_BASELINE_BACKBONES,
  StrongBaseline,
  type StrongBaselineBackbone,
  type StrongBaselineOptions,
} from '../strong-baseline.ts';
import { countBlocks, type Finding, prefixBefore, type Shapes, under } from './finding.ts';

/** Names of SENets by the number of their blocks. */
function senetName(base: Shapes): string {
  if (base.has('layer0.conv2.weight')) return 'senet154';
  const kind = base.get('layer1.0.conv1.weight')?.[0] === 128 ? 'se_resnext' : 'se_resnet';
  return kind + (countBlocks(base) * 3 + 2);
}

function resnetName(base: Shapes): string {
  const depth = countBlocks(base) * (base.has('layer1.0.conv3.weight') ? 3 : 2) + 2;
  if (base.has('layer1.0.bn1.IN.weight')) return `resnet${depth}_ibn_a`;
  const isB = [...base.keys()].some((key) => /^layer1\.\d+\.IN\.weight$/.test(key));
  return `resnet${depth}${isB ? '_ibn_b' : ''}`;
}

/** Finds a network of reid-strong-baseline. */
export function findStrongBaseline(shapes: Shapes): Finding | undefined {
  const prefix = prefixBefore(shapes, /(?<=^|\.)base\.(layer0\.conv1|layer1\.0\.conv1)\.weight$/);
  if (prefix === undefined) return undefined;
  const own = under(shapes, prefix);
  const base = under(own, 'base.');
  const name = base.has('layer0.conv1.weight') ? senetName(base) : resnetName(base);
  if (!STRONG_BASELINE_BACKBONES.includes(name as StrongBaselineBackbone)) return undefined;
  const neck = own.has('bottleneck.weight') ? 'bnneck' : 'no';
  return {
    ...{ layout: 'reid-strong-baseline', name, prefix, size: [256, 128], heads: ['classifier.'] },
    options: { backbone: name, neck },
    assumed: ['lastStride 1', ...(neck === 'bnneck' ? ["neckFeat 'after'"] : [])],
    numClasses: own.get('classifier.weight')?.[0],
    rename: (key) => key,
    build: (options) => new StrongBaseline(options as StrongBaselineOptions),
  };
}
