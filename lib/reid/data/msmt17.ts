import { DatasetError } from '../../data/errors.ts';
import { joinPath } from '../../data/fs-path.ts';
import { type ReidData, type ReidImage, reidData } from './reid-image.ts';
import { Tree } from './tree.ts';

const VERSIONS = [
  { folder: 'MSMT17_V1', train: 'train', test: 'test' },
  { folder: 'MSMT17_V2', train: 'mask_train_v2', test: 'mask_test_v2' },
];

/** Options of `msmt17`. */
export interface Msmt17Options {
  /** Trains on the validation images too, as the published count of 32,621 has it. Default false, as fast-reid. */
  withVal?: boolean;
}

/**
 * MSMT17, either version. Test identities begin behind the training ones, as in fast-reid.
 */
export function msmt17(root: string, { withVal = false }: Msmt17Options = {}): ReidData {
  const { tree, train: trainFolder, test } = find(root);
  const listed = (list: string, folder: string) =>
    tree.lines(list).map((line) => readLine(line, tree.path(folder), tree.path(list)));
  const own = listed('list_train.txt', trainFolder);
  const train = withVal ? [...own, ...listed('list_val.txt', trainFolder)] : own;
  const first = new Set(own.map(({ id }) => id)).size;
  const moved = (images: ReidImage[]) =>
    images.map((image) => ({ ...image, id: (image.id as number) + first }));
  const query = moved(listed('list_query.txt', test));
  const gallery = moved(listed('list_gallery.txt', test));
  return reidData(
    'MSMT17',
    tree.root,
    { train, query, gallery },
    {
      train: { images: withVal ? 32621 : 30248, ids: 1041, cameras: 15 },
      query: { images: 11659, ids: 3060, cameras: 15 },
      gallery: { images: 82161, ids: 3060, cameras: 15 },
    },
  );
}

function find(root: string) {
  const lists = ['list_train.txt', 'list_query.txt', 'list_gallery.txt'];
  const subfolders = [
    ...VERSIONS.map(({ folder }) => folder),
    ...VERSIONS.map(({ folder }) => `msmt17/${folder}`),
  ];
  const tree = Tree.find('MSMT17', root, lists, subfolders);
  const version = VERSIONS.find(({ train, test }) => tree.has(train) && tree.has(test));
  if (version !== undefined) return { tree, ...version };
  const folders = VERSIONS.map(({ train, test }) => `${train} and ${test}`).join(', or ');
  throw new DatasetError(
    `Expected the folders ${folders} of MSMT17 in ${tree.root}, got neither; unpack them there`,
    {
      code: 'ERR_DATASET_NOT_FOUND',
      path: tree.root,
    },
  );
}

/** `0000/0000_000_01_0303morning_0015_0.jpg 0`: the third number is the camera. */
function readLine(line: string, folder: string, list: string): ReidImage {
  const [name = '', id = ''] = line.trim().split(' ');
  const camera = Number(name.split('_')[2]);
  if (/^\d+$/.test(id) && camera >= 1 && camera <= 15) {
    return { path: joinPath(folder, name), id: Number(id), camera: camera - 1 };
  }
  throw new DatasetError(
    `Expected lines like "0000/0000_000_01_0303morning_0015_0.jpg 0" in ${list}, got ${JSON.stringify(line)}`,
    { code: 'ERR_DATASET_NAME', path: list },
  );
}
