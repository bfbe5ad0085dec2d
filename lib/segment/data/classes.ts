import { checkCount, checkPositions } from '../../options.ts';

/** A colour: red, green, blue from 0 to 255. */
export type Colour = readonly [number, number, number];

/** The 19 classes of Cityscapes that count, in the order of their train ids, with the colours of its scripts. */
export const CITYSCAPES_CLASSES: readonly string[] = [
  'road',
  'sidewalk',
  'building',
  'wall',
  'fence',
  'pole',
  'traffic light',
  'traffic sign',
  'vegetation',
  'terrain',
  'sky',
  'person',
  'rider',
  'car',
  'truck',
  'bus',
  'train',
  'motorcycle',
  'bicycle',
];

/** Their colours. */
export const CITYSCAPES_COLOURS: readonly Colour[] = [
  [128, 64, 128],
  [244, 35, 232],
  [70, 70, 70],
  [102, 102, 156],
  [190, 153, 153],
  [153, 153, 153],
  [250, 170, 30],
  [220, 220, 0],
  [107, 142, 35],
  [152, 251, 152],
  [70, 130, 180],
  [220, 20, 60],
  [255, 0, 0],
  [0, 0, 142],
  [0, 0, 70],
  [0, 60, 100],
  [0, 80, 100],
  [0, 0, 230],
  [119, 11, 32],
];

/** The label ids of the 19 classes, in the order of their train ids; the other ids, 0 to 34, do not count. */
export const CITYSCAPES_LABEL_IDS: readonly number[] = [
  7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
];

/** The label of pixels that do not count. */
export const IGNORED = 255;

/** What a byte of a mask that no class has is mapped to: the file is of another data set. */
export const UNKNOWN = -1;

/** Train ids by label ids; also of GTA5, which has the same. */
export function labelIdMapping(): Int16Array {
  const mapping = new Int16Array(256).fill(UNKNOWN);
  mapping.fill(IGNORED, 0, 35);
  mapping[255] = IGNORED;
  for (const [trainId, id] of CITYSCAPES_LABEL_IDS.entries()) mapping[id] = trainId;
  return mapping;
}

/** Masks that have the classes themselves. */
export function sameMapping(numClasses: number): Int16Array {
  const mapping = new Int16Array(256).fill(UNKNOWN);
  for (let label = 0; label < numClasses; label++) mapping[label] = label;
  mapping[IGNORED] = IGNORED;
  return mapping;
}

/** Colours that differ, for classes that have none: those of Pascal VOC, whose bits are spread over the three. */
export function classColours(count: number): Colour[] {
  checkPositions('classColours', arguments, 1);
  checkCount('classColours', 'count', count, 0);
  return Array.from({ length: count }, (_, label) => {
    const colour = [0, 0, 0];
    for (let bits = label + 1, shift = 7; bits > 0; bits >>= 3, shift--)
      for (let channel = 0; channel < 3; channel++)
        colour[channel] = (colour[channel] as number) | (((bits >> channel) & 1) << shift);
    return colour as unknown as Colour;
  });
}
