import { DatasetError } from '../../data/errors.ts';
import { joinPath } from '../../data/fs-path.ts';
import { CITYSCAPES_CLASSES, CITYSCAPES_COLOURS, IGNORED, labelIdMapping } from './classes.ts';
import { filesIn, findRoot, refuseUnpaired } from './files.ts';
import { type Gta5Split, gta5Numbers, ROBUSTNET_LEFT_OUT } from './gta5-split.ts';
import { type SegmentData, type SegmentPair, segmentData } from './segment-data.ts';

/** Options of `gta5`. */
export interface Gta5Options {
  /** `'train'` (12,403 images, default), `'val'` (6,382) or `'test'` (6,181), of the official split. */
  split?: Gta5Split;
  /** Height and width that images and masks are brought to. Default [563, 1024], the paper's; null leaves them. */
  size?: readonly [height: number, width: number] | null;
  /** Leaves out the 15 images of train that RobustNet's list has not. Default false. */
  robustNet?: boolean;
}

/** GTA5 ("Playing for Data"): `images/00001.png` and `labels/00001.png`, also in folders below, or only some of its archives. */
export function gta5(root: string, options: Gta5Options = {}): SegmentData {
  const { split = 'train', size = [563, 1024], robustNet = false } = options;
  const place = findRoot('GTA5', root, ['.', 'gta5', 'GTA5', 'gtav', 'GTAV'], ['images', 'labels']);
  const [images, masks] = ['images', 'labels'].map((folder) => byNumber(joinPath(place, folder))) as [
    Map<number, string>,
    Map<number, string>,
  ];
  const left = new Set(robustNet ? ROBUSTNET_LEFT_OUT : []);
  const listed = gta5Numbers(split);
  const wanted = listed.filter((number) => !left.has(number));
  const pairs = pairsOf(wanted, images, masks, place);
  const differences = wanted.length < listed.length ? [`${split} is without 15 images, as RobustNet's`] : [];
  return segmentData(
    {
      ...{ name: 'GTA5', root: place, split, pairs, size, ignoreIndex: IGNORED },
      ...{ classes: CITYSCAPES_CLASSES, colours: CITYSCAPES_COLOURS, mapping: labelIdMapping() },
    },
    wanted.length,
    differences,
  );
}

/** Paths by the numbers that files are named by. */
function byNumber(folder: string): Map<number, string> {
  const files = filesIn(folder, (path) => /(^|\/)\d{5}\.png$/.test(path));
  const found = new Map(files.map((path) => [Number(path.slice(-9, -4)), joinPath(folder, path)]));
  if (found.size === files.length && files.length > 0) return found;
  const got = files.length === 0 ? 'none' : 'two with the same number';
  throw new DatasetError(`Expected files such as 00001.png, each once, in ${folder}, got ${got}`, {
    code: 'ERR_DATASET_EMPTY',
    path: folder,
  });
}

/** An archive that is not there lacks both: images and masks are told apart only where one of them is there. */
function pairsOf(
  numbers: readonly number[],
  images: ReadonlyMap<number, string>,
  masks: ReadonlyMap<number, string>,
  root: string,
): SegmentPair[] {
  const fileOf = (number: number) => `${String(number).padStart(5, '0')}.png`;
  const without = (some: ReadonlyMap<number, string>, others: ReadonlyMap<number, string>) =>
    numbers.filter((number) => some.has(number) && !others.has(number)).map(fileOf);
  refuseUnpaired(
    'a mask for each image',
    without(images, masks),
    joinPath(root, 'labels'),
    'unpack the labels too',
  );
  refuseUnpaired(
    'an image for each mask',
    without(masks, images),
    joinPath(root, 'images'),
    'unpack the images too',
  );
  const pairs = numbers.flatMap((number) => {
    const [image, mask] = [images.get(number), masks.get(number)];
    return image === undefined || mask === undefined ? [] : [{ image, mask }];
  });
  if (pairs.length > 0) return pairs;
  throw new DatasetError(`Expected images of this split in ${root}, got none; unpack more of its archives`, {
    code: 'ERR_DATASET_EMPTY',
    path: root,
  });
}
