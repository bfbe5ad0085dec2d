import { joinPath } from '../../data/fs-path.ts';
import { CITYSCAPES_CLASSES, CITYSCAPES_COLOURS, IGNORED, labelIdMapping } from './classes.ts';
import { filesIn, findRoot, refuseUnpaired } from './files.ts';
import { type SegmentData, segmentData } from './segment-data.ts';

const COUNTS: Readonly<Record<string, number>> = { train: 2975, val: 500, test: 1525 };
const IMAGE = '_leftImg8bit.png';
const MASK = '_gtFine_labelIds.png';

/** Options of `cityscapes`. */
export interface CityscapesOptions {
  /** `'train'` (2,975 images), `'val'` (500, default) or `'test'`, whose masks are not public. */
  split?: 'train' | 'val' | 'test';
}

/** Cityscapes with its fine annotations: `leftImg8bit/SPLIT/CITY` and `gtFine/SPLIT/CITY`. */
export function cityscapes(root: string, { split = 'val' }: CityscapesOptions = {}): SegmentData {
  const wanted = [`leftImg8bit/${split}`, `gtFine/${split}`];
  const place = findRoot('Cityscapes', root, ['.', 'cityscapes', 'Cityscapes'], wanted);
  const [images, masks] = wanted.map((folder) => joinPath(place, folder)) as [string, string];
  const frames = (folder: string, ending: string) =>
    filesIn(folder, (path) => path.endsWith(ending)).map((path) => path.slice(0, -ending.length));
  const found = frames(images, IMAGE);
  const labelled = new Set(frames(masks, MASK));
  const lacking = found.filter((frame) => !labelled.has(frame));
  refuseUnpaired(
    `a mask (*${MASK}) for each image`,
    lacking,
    masks,
    'unpack gtFine_trainvaltest.zip beside the images',
  );
  refuseUnpaired(
    `an image (*${IMAGE}) for each mask`,
    [...labelled].filter((frame) => !found.includes(frame)),
    images,
    'unpack leftImg8bit_trainvaltest.zip beside the masks',
  );
  const pairs = found.map((frame) => ({
    image: joinPath(images, frame + IMAGE),
    mask: joinPath(masks, frame + MASK),
  }));
  return segmentData(
    {
      ...{ name: 'Cityscapes', root: place, split, pairs, size: null, ignoreIndex: IGNORED },
      ...{ classes: CITYSCAPES_CLASSES, colours: CITYSCAPES_COLOURS, mapping: labelIdMapping() },
    },
    COUNTS[split],
  );
}
