import type { ReidTrainConfig } from '../../reid/index.ts';
import { REID_SPACE } from '../../reid/training/presets.ts';
import * as kind from '../../train/config/kinds.ts';
import type { ConfigSpace } from '../../train/config/space.ts';

/** Where the data of `reid train` lies, as flags and config files say it. */
export interface ReidDataOptions {
  readonly train?: readonly string[];
  readonly test?: readonly string[];
  readonly root: string;
  readonly pattern?: string;
}

/** All options of `reid train`. */
export type ReidRunConfig = ReidTrainConfig & ReidDataOptions;

/** Those of `reid.train`, and the data. */
export const TRAIN_SPACE: ConfigSpace = {
  ...REID_SPACE,
  options: {
    train: {
      schema: kind.texts,
      value: 'set[=folder]...',
      about: 'data sets to train on, several as one; their identities are different',
      isFixed: true,
    },
    test: {
      schema: kind.texts,
      value: 'set[=folder]...',
      about: 'data sets to evaluate on',
      otherwise: 'none',
      isFree: true,
    },
    root: {
      schema: kind.text,
      value: 'folder',
      about: 'where the data sets lie that have no folder of their own',
      isFree: true,
    },
    pattern: {
      schema: kind.text,
      value: 'pattern',
      about: 'of folder: how names say identity and camera, such as "{id}_c{camera}_{}"',
      isFree: true,
    },
    ...REID_SPACE.options,
  },
  defaults: { root: 'datasets', ...REID_SPACE.defaults },
};
