import { readFileSync, statSync } from 'node:fs';
import { DatasetError } from '../../data/errors.ts';
import { fsEncode, joinPath } from '../../data/fs-path.ts';
import { checkFlags, checkText, checkTexts } from '../../options.ts';
import { classColours, IGNORED, sameMapping } from './classes.ts';
import { filesIn, isFolder, isImage, refuseUnpaired } from './files.ts';
import { type SegmentData, segmentData } from './segment-data.ts';

/** Options of `folder`. */
export interface FolderOptions {
  /** A part: images are in `images/SPLIT` or `SPLIT/images`. Default: in `images` itself. */
  split?: string;
  /** Folder of the images, and that of the masks, in the root. Default `'images'`, `'masks'`. */
  images?: string;
  masks?: string;
  /** What a mask's name has more than its image's, before `.png`, such as `'_mask'`. Default nothing. */
  suffix?: string;
  /** What the classes 0, 1, ... are called. Default: the lines of `classes.txt` in the root. */
  classes?: readonly string[];
  /** Leaves out images without a mask and masks without an image, and says how many. Default: they are an error. */
  partial?: boolean;
}

/** Any folder of images and one of masks, whose files have the same names: PNG files with the numbers of classes, 255 for none. */
export function folder(root: string, options: FolderOptions = {}): SegmentData {
  const { split, images: imageFolder = 'images', masks: maskFolder = 'masks' } = options;
  const { suffix = '', partial = false } = options;
  for (const name of ['split', 'images', 'masks', 'suffix'] as const)
    if (options[name] !== undefined) checkText(`loadData folder ${name}`, 'a text', options[name]);
  checkFlags('loadData folder', { partial });
  const classes = options.classes ?? classesIn(root);
  checkTexts('loadData folder classes', 'names', classes);
  if (classes.length < 1 || classes.length > IGNORED)
    throw new RangeError(`Expected 1 to ${IGNORED} names for loadData folder classes, got ${classes.length}`);
  const [images, masks] = [imageFolder, maskFolder].map((name) => placeOf(root, name, split)) as [
    string,
    string,
  ];
  const imageOf = byStem(images, filesIn(images, isImage), '');
  const maskOf = byStem(
    masks,
    filesIn(masks, (path) => path.toLowerCase().endsWith(`${suffix}.png`)),
    suffix,
  );
  const bare = [...imageOf.keys()].filter((stem) => !maskOf.has(stem));
  const idle = [...maskOf.keys()].filter((stem) => !imageOf.has(stem));
  const advice = 'or pass { partial: true } to leave them out';
  if (!partial) {
    refuseUnpaired('a mask for each image', bare, masks, advice);
    refuseUnpaired('an image for each mask', idle, images, advice);
  }
  const pairs = [...imageOf].flatMap(([stem, image]) => {
    const mask = maskOf.get(stem);
    return mask === undefined ? [] : [{ image, mask }];
  });
  if (pairs.length === 0)
    throw new DatasetError(`Expected images with masks in ${images}, got none; check the names`, {
      code: 'ERR_DATASET_EMPTY',
      path: images,
    });
  const name = split ?? 'all';
  return segmentData(
    {
      ...{ name: 'folder', root, split: name, pairs, size: null, ignoreIndex: IGNORED, classes },
      ...{ colours: classColours(classes.length), mapping: sameMapping(classes.length) },
    },
    undefined,
    [
      ...(bare.length === 0 ? [] : [`${name} is without ${bare.length} images that have no mask`]),
      ...(idle.length === 0 ? [] : [`${name} is without ${idle.length} masks that have no image`]),
    ],
  );
}

function placeOf(root: string, name: string, split: string | undefined): string {
  const places =
    split === undefined
      ? [joinPath(root, name)]
      : [`${name}/${split}`, `${split}/${name}`].map((path) => joinPath(root, path));
  const found = places.find(isFolder);
  if (found !== undefined) return found;
  throw new DatasetError(`Expected a folder ${places.join(' or ')}, got none; check the path`, {
    code: 'ERR_DATASET_NOT_FOUND',
    path: root,
  });
}

/** Paths by what stands before the ending, folders included. */
function byStem(place: string, files: readonly string[], suffix: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of files) {
    const stem = path.replace(/\.[^./]+$/, '');
    const own = stem.slice(0, stem.length - suffix.length);
    const before = found.get(own);
    if (before !== undefined)
      throw new DatasetError(`Expected one file for ${own} in ${place}, got ${before} and ${path}`, {
        code: 'ERR_DATASET_NAME',
        path: place,
      });
    found.set(own, joinPath(place, path));
  }
  return found;
}

function classesIn(root: string): string[] {
  const path = joinPath(root, 'classes.txt');
  if (statSync(fsEncode(path), { throwIfNoEntry: false }) === undefined)
    throw new DatasetError(
      `Expected the names of the classes, a line each, in ${path}, got no such file; write it, or pass { classes }`,
      { code: 'ERR_DATASET_NOT_FOUND', path },
    );
  return readFileSync(fsEncode(path), 'utf8')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
