import { stack, tensor } from '../../../tensor/index.ts';
import type { Features, Labels } from '../../ranking/parts.ts';
import type { GalleryRows } from '../gallery-rows.ts';
import type { CalibrationData } from './calibrate.ts';

/** The gallery's own entries that have an identity. @throws RangeError where there is none */
export function ownData(rows: GalleryRows, featureOf: (id: string) => Float32Array): CalibrationData {
  const named = rows.index.ids.flatMap((id, row) => {
    const { identity, camera } = rows.factsOf(row);
    return identity === undefined ? [] : [{ id, identity, camera }];
  });
  if (named.length === 0)
    throw new RangeError(
      'Expected features and ids for Gallery.calibrate, got neither, and no entry has an identity',
    );
  const features = stack(named.map(({ id }) => tensor(featureOf(id))));
  const hasCameras = named.every(({ camera }) => camera !== undefined);
  return {
    features,
    ids: named.map(({ identity }) => identity),
    ...(hasCameras ? { cameras: named.map(({ camera }) => camera as string) } : {}),
  };
}

/** The images to calibrate on; undefined where none are given. */
export function givenData(
  features: Features | undefined,
  ids: Labels | undefined,
  cameras: Labels | undefined,
): CalibrationData | undefined {
  if (features !== undefined && ids !== undefined)
    return cameras === undefined ? { features, ids } : { features, ids, cameras };
  if (features === undefined && ids === undefined && cameras === undefined) return undefined;
  const missing = features === undefined ? 'features' : 'ids';
  throw new TypeError(
    `Expected features and ids together for Gallery.calibrate, got no ${missing}; leave all out to calibrate on the gallery's own entries`,
  );
}

export function otherWidth(width: number, own: number): RangeError {
  return new RangeError(`Expected features of ${own} numbers for Gallery.calibrate, got ${width}`);
}
