import type { NewEntry } from '../../reid/index.ts';
import { readFeatures } from './features-file.ts';

/**
 * The entries of a file that `reid extract` has written: names are ids.
 *
 * @throws CheckpointError for another file, RangeError where mirrored images were averaged and shall not be, or the reverse
 */
export function entriesOf(path: string, flip: boolean): NewEntry[] {
  const { features, names, ids, cameras, network } = readFeatures(path);
  const wasFlipped = network.split('; ').includes('flip');
  if (wasFlipped !== flip) {
    const [was, what] = wasFlipped ? ['with', 'pass'] : ['without', 'leave out'];
    throw new RangeError(
      `Expected features ${flip ? 'with' : 'without'} --flip in ${path}, got some ${was} it; ${what} --flip`,
    );
  }
  const width = features.size(1) as number;
  const values = features.to('float32').contiguous().data() as Float32Array;
  return names.map((id, index) => ({
    id,
    feature: values.subarray(index * width, (index + 1) * width),
    ...(ids === undefined ? {} : { identity: ids[index] as string }),
    ...(cameras === undefined ? {} : { camera: cameras[index] as string }),
  }));
}
