import * as segment from '../../segment/index.ts';

/** Reads `name=folder`, such as `cityscapes=data/cityscapes`. The split "none" is a folder without splits. */
export function parseTestSet(text: string, split: string, dataOptions: object = {}): segment.SegmentData {
  const at = text.indexOf('=');
  const [name, root] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  const known = segment.listData();
  if (root === '' || !(known as string[]).includes(name))
    throw new RangeError(`Expected NAME=FOLDER with ${known.join(', ')} for NAME, got "${text}"`);
  const of = split === 'none' ? {} : { split };
  return segment.loadData(name as segment.SegmentDataName, root, { ...dataOptions, ...of } as never);
}
