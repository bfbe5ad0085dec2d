import { pathOf } from '../../atomic-file.ts';
import { expandUser } from '../../data/fs-path.ts';
import {
  checkChoice,
  checkFlags,
  checkOptions,
  checkPositions,
  checkText,
  suggestion,
} from '../../options.ts';
import { type CityscapesOptions, cityscapes } from './cityscapes.ts';
import { type FolderOptions, folder } from './folder.ts';
import { type Gta5Options, gta5 } from './gta5.ts';
import type { SegmentData } from './segment-data.ts';

/** Options of each data set of {@link loadData}. */
export interface SegmentDataOptions {
  cityscapes: CityscapesOptions;
  gta5: Gta5Options;
  folder: FolderOptions;
}

/** A name that {@link loadData} takes. */
export type SegmentDataName = keyof SegmentDataOptions;

const SPLITS = ['train', 'val', 'test'];

interface Reader {
  readonly options: readonly string[];
  read(root: string, options: never): SegmentData;
}

const READERS: Record<SegmentDataName, Reader> = {
  cityscapes: { options: ['split'], read: cityscapes },
  gta5: { options: ['split', 'size', 'robustNet'], read: gta5 },
  folder: { options: ['split', 'images', 'masks', 'suffix', 'classes', 'partial'], read: folder },
};

/** The names that {@link loadData} takes. */
export function listData(): SegmentDataName[] {
  checkPositions('listData', arguments, 0);
  return Object.keys(READERS) as SegmentDataName[];
}

/**
 * Finds the images and masks of a data set for segmentation, in an order of its own, whatever the file system's. Images
 * without a mask and masks without an image are an error that names them; numbers of images that are not the published ones
 * are in `differences`, and a warning (`IBN_SEGMENT_COUNTS`). Nothing is decoded yet.
 *
 * @param name `cityscapes`, `gta5`, or `folder` for any folder of images and one of masks
 * @param root the data set's folder, or the one it lies in. `~` is the home folder
 * @throws DatasetError with what was expected where
 * @example
 * const val = segment.loadData('cityscapes', 'data/cityscapes', { split: 'val' });
 * val.pairs.length; // 500
 */
export function loadData<Name extends SegmentDataName>(
  name: Name,
  root: string | URL,
  options: SegmentDataOptions[Name] = {},
): SegmentData {
  checkPositions('loadData', arguments, 3);
  checkText('loadData name', 'a name', name);
  if (!Object.hasOwn(READERS, name))
    throw new RangeError(
      `Expected a data set for loadData, got "${name}"${suggestion(name, listData(), 'data sets')}`,
    );
  const { options: keys, read } = READERS[name];
  checkOptions(`loadData ${name}`, options, keys);
  const { split, robustNet } = options as Gta5Options;
  if (name !== 'folder' && split !== undefined) checkChoice(`loadData ${name}`, 'split', split, SPLITS);
  checkFlags(`loadData ${name}`, { robustNet });
  return read(expandUser(pathOf(root, 'loadData')), options as never);
}
