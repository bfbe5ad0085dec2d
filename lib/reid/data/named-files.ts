import { DatasetError } from '../../data/errors.ts';
import type { ReidImage } from './reid-image.ts';
import type { Tree } from './tree.ts';

/** How a data set's file names say who was seen by which camera. */
export interface Naming {
  /** Two groups: identity and camera. Searched for in the name, not in the path. */
  readonly pattern: RegExp;
  /** As the data set writes names, for errors. */
  readonly example: string;
  /** Identities that there are, -1 not counted: those images are junk and left out. */
  readonly ids: readonly [from: number, to: number];
  readonly cameras: readonly [from: number, to: number];
  readonly endings: readonly string[];
}

/** Images of a folder by their names; cameras count from 0. */
export function namedImages(tree: Tree, folder: string, naming: Naming): ReidImage[] {
  return tree.names(folder, naming.endings).flatMap((name) => {
    const path = tree.path(folder, name);
    const [id, camera] = readName(name, path, naming);
    if (id === -1) return [];
    return [{ path, id, camera: camera - naming.cameras[0] }];
  });
}

function readName(
  name: string,
  path: string,
  { pattern, example, ids, cameras }: Naming,
): [id: number, camera: number] {
  const [, id, camera] = (pattern.exec(name) ?? []).map(Number);
  const isFine =
    id !== undefined &&
    camera !== undefined &&
    (id === -1 || (id >= ids[0] && id <= ids[1])) &&
    camera >= cameras[0] &&
    camera <= cameras[1];
  if (isFine) return [id, camera];
  throw new DatasetError(
    `Expected a name like ${example} with an identity from ${ids[0]} to ${ids[1]} and a camera from ${cameras[0]} to ${cameras[1]}, got ${name}; is it of this data set?`,
    { code: 'ERR_DATASET_NAME', path },
  );
}
