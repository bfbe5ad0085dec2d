import { checkOptions, checkPositions } from '../../options.ts';
import { FAST_REID_OPTIONS, FastReID, type FastReIDOptions } from './fast-reid.ts';
import { MGN, type MGNOptions } from './mgn.ts';

/** What fast-reid's base configurations set of a network, over its defaults. */
export const FAST_REID_PRESETS = {
  /** `Base-bagtricks.yml`. */
  bagtricks: { withBnneck: true, poolLayer: 'GlobalAvgPool', neckFeat: 'before', clsLayer: 'Linear' },
  /** `Base-AGW.yml`. */
  agw: {
    ...{ withBnneck: true, withNl: true, poolLayer: 'GeneralizedMeanPooling' },
    ...{ neckFeat: 'before', clsLayer: 'Linear' },
  },
  /** `Base-SBS.yml`. */
  sbs: {
    ...{ withBnneck: true, withNl: true, poolLayer: 'GeneralizedMeanPoolingP', neckFeat: 'after' },
    ...{ clsLayer: 'CircleSoftmax', scale: 64, margin: 0.35 },
  },
  /** `Base-MGN.yml`. */
  mgn: {
    ...{ withBnneck: true, poolLayer: 'GeneralizedMeanPoolingP', neckFeat: 'after' },
    ...{ clsLayer: 'CircleSoftmax', scale: 64, margin: 0.35, embeddingDim: 256 },
  },
} as const satisfies Record<string, FastReIDOptions>;

/**
 * fast-reid's network of `Base-bagtricks.yml`: mean pooling, BNNeck, a linear classifier. Every option can be set.
 *
 * @example
 * const model = reid.bagtricks({ depth: '50x', withIbn: true, numClasses: 751 });
 */
export function bagtricks(options: FastReIDOptions = {}): FastReID {
  checkPositions('bagtricks', arguments, 1);
  checkOptions('bagtricks', options, FAST_REID_OPTIONS);
  return new FastReID({ ...FAST_REID_PRESETS.bagtricks, ...options });
}

/** fast-reid's network of `Base-AGW.yml`: non-local blocks and GeM pooling. */
export function agw(options: FastReIDOptions = {}): FastReID {
  checkPositions('agw', arguments, 1);
  checkOptions('agw', options, FAST_REID_OPTIONS);
  return new FastReID({ ...FAST_REID_PRESETS.agw, ...options });
}

/** fast-reid's network of `Base-SBS.yml`: non-local blocks, learnt GeM pooling and circle loss by classes. */
export function sbs(options: FastReIDOptions = {}): FastReID {
  checkPositions('sbs', arguments, 1);
  checkOptions('sbs', options, FAST_REID_OPTIONS);
  return new FastReID({ ...FAST_REID_PRESETS.sbs, ...options });
}

/** fast-reid's network of `Base-MGN.yml`: three branches and eight heads of 256 features. */
export function mgn(options: MGNOptions = {}): MGN {
  checkPositions('mgn', arguments, 1);
  checkOptions('mgn', options, FAST_REID_OPTIONS);
  return new MGN({ ...FAST_REID_PRESETS.mgn, ...options });
}
