import type { Colour } from './classes.ts';

/** An image and its mask. */
export interface SegmentPair {
  readonly image: string;
  readonly mask: string;
}

/** Images with masks that were found, and what their labels mean. */
export interface SegmentData {
  readonly name: string;
  readonly root: string;
  readonly split: string;
  readonly pairs: readonly SegmentPair[];
  readonly classes: readonly string[];
  readonly colours: readonly Colour[];
  /** The label of pixels that do not count: 255. */
  readonly ignoreIndex: number;
  /** Classes by the bytes of masks; -1 for a byte that none of its masks has. */
  readonly mapping: Int16Array;
  /** Height and width that images and masks are brought to before anything else; null leaves them. */
  readonly size: readonly [height: number, width: number] | null;
  /** How the counts differ from the published ones, and what was left out, a sentence each. */
  readonly differences: readonly string[];
}

/** Compares the number of images with the published one, and warns where it is another. */
export function segmentData(
  data: Omit<SegmentData, 'differences'>,
  published?: number,
  leftOut: readonly string[] = [],
): SegmentData {
  const { name, root, split, pairs } = data;
  const show = (count: number) => count.toLocaleString('en');
  const isOther = published !== undefined && pairs.length !== published;
  const counted = isOther ? [`${split} has ${show(pairs.length)} images in place of ${show(published)}`] : [];
  if (isOther)
    process.emitWarning(`${name} in ${root} is not as published: ${counted.join('; ')}`, {
      code: 'IBN_SEGMENT_COUNTS',
    });
  return { ...data, differences: [...counted, ...leftOut] };
}
