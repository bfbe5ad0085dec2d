import * as reid from '../../../lib/reid/index.ts';

/** The configurations of scripts/fixtures/reid_models.py. */
export const VARIANTS: Record<string, () => reid.FastReID | reid.MGN> = {
  'bagtricks 18x': () => reid.bagtricks({ depth: '18x' }),
  'bagtricks 34x ibn': () => reid.bagtricks({ depth: '34x', withIbn: true }),
  'bagtricks 18x se': () => reid.bagtricks({ depth: '18x', withSe: true }),
  'bagtricks 50x': () => reid.bagtricks(),
  'bagtricks 50x ibn': () => reid.bagtricks({ withIbn: true }),
  'bagtricks 101x ibn se': () => reid.bagtricks({ depth: '101x', withIbn: true, withSe: true }),
  'AGW 50x': () => reid.agw(),
  'AGW 50x ibn': () => reid.agw({ withIbn: true }),
  'AGW 101x ibn': () => reid.agw({ depth: '101x', withIbn: true }),
  'SBS 50x ibn': () => reid.sbs({ withIbn: true }),
  'SBS 101x': () => reid.sbs({ depth: '101x' }),
  'MGN 50x ibn': () => reid.mgn({ withIbn: true }),
  'resnext 50x ibn': () => reid.bagtricks({ backbone: 'resnext', withIbn: true }),
  'resnext 101x nl': () => reid.agw({ backbone: 'resnext', depth: '101x' }),
  'osnet x1_0 ibn': () => reid.bagtricks({ backbone: 'osnet', withIbn: true }),
  'osnet x0_25': () => reid.bagtricks({ backbone: 'osnet', depth: 'x0_25' }),
  '18x GlobalMaxPool': () => reid.bagtricks({ depth: '18x', poolLayer: 'GlobalMaxPool' }),
  '18x GeneralizedMeanPooling': () => reid.bagtricks({ depth: '18x', poolLayer: 'GeneralizedMeanPooling' }),
  '18x GeneralizedMeanPoolingP': () => reid.bagtricks({ depth: '18x', poolLayer: 'GeneralizedMeanPoolingP' }),
  '18x FastGlobalAvgPool': () => reid.bagtricks({ depth: '18x', poolLayer: 'FastGlobalAvgPool' }),
  '18x AdaptiveAvgMaxPool': () => reid.bagtricks({ depth: '18x', poolLayer: 'AdaptiveAvgMaxPool' }),
  '18x ClipGlobalAvgPool': () => reid.bagtricks({ depth: '18x', poolLayer: 'ClipGlobalAvgPool' }),
  '18x embedding 128, last stride 2': () =>
    reid.bagtricks({ depth: '18x', embeddingDim: 128, lastStride: 2 }),
  '18x without neck': () => reid.bagtricks({ depth: '18x', withBnneck: false }),
  '18x ClasHead': () => reid.bagtricks({ depth: '18x', head: 'ClasHead' }),
};

/** Those that take seconds. */
export const isDeep = (name: string): boolean => /101x|MGN/.test(name);
