import { recognise as recogniseClassifier } from '../../../models/recognise.ts';
import { findFastReID } from './fast-reid.ts';
import type { Finding, ReIDLayout, Shapes } from './finding.ts';
import { findStrongBaseline } from './strong-baseline.ts';
import { findTorchreid } from './torchreid.ts';

const FINDERS: Readonly<Record<ReIDLayout, (shapes: Shapes) => Finding | undefined>> = {
  'reid-strong-baseline': findStrongBaseline,
  'fast-reid': findFastReID,
  torchreid: findTorchreid,
};

/** The network that keys and shapes describe, of one layout or of any. */
export function findNetwork(shapes: Shapes, layout?: ReIDLayout): Finding | undefined {
  const finders = layout === undefined ? Object.values(FINDERS) : [FINDERS[layout]];
  for (const find of finders) {
    const found = find(shapes);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a file is that no layout fits, and what to do. */
export function describeOther(shapes: Shapes, layout?: ReIDLayout): string {
  const fits = layout === undefined ? undefined : findNetwork(shapes);
  if (fits !== undefined) return `it looks like ${fits.name} of ${fits.layout}; leave layout out`;
  const keys = [...shapes.keys()];
  const has = (pattern: RegExp) => keys.some((key) => pattern.test(key));
  if (has(/backbone\.conv1\.0\.weight$/))
    return 'it looks like fast-reid with a ResNeSt, which is not built here';
  if (has(/backbone\.(cls_token|blocks\.0\.)/)) {
    return 'it looks like fast-reid with a Vision Transformer, which is not built here';
  }
  if (has(/^(model|state_dict)?\.?centers$/)) return 'it looks like the centers of a center loss';
  const classifier = recogniseClassifier(shapes);
  if (classifier !== undefined) {
    return (
      `it looks like the classification network ${classifier.model} (${classifier.layout}); load it with ` +
      'checkpoint.loadInto(models.getModel(...), file), or begin training with it by reid.loadBackbone(model, file)'
    );
  }
  return `its keys are ${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ', ...' : ''}`;
}
