import { DatasetError } from '../../data/errors.ts';
import { Generator, randperm } from '../../tensor/index.ts';
import { type ReidData, type ReidImage, reidData } from './reid-image.ts';
import { Tree } from './tree.ts';

/** Options of `vehicleid`. */
export interface VehicleIdOptions {
  /** Vehicles of the test list. Default 800. */
  testSize?: 800 | 1600 | 2400 | 13164;
  /** Of the draw of gallery images: one of each vehicle, the others are queries. Default 0. */
  seed?: number;
}

const IMAGES: Record<number, number | undefined> = { 800: 6493, 1600: 13377, 2400: 19777 };

/** VehicleID. Each image is its own camera, as in fast-reid: nothing is junk. */
export function vehicleid(root: string, { testSize = 800, seed = 0 }: VehicleIdOptions = {}): ReidData {
  const tree = Tree.find('VehicleID', root, ['image', 'train_test_split'], ['VehicleID_V1.0', 'vehicleid']);
  const listed = (list: string) =>
    tree.lines('train_test_split', list).map((line) => readLine(line, tree, list));
  const test = listed(`test_list_${testSize}.txt`);
  const images = IMAGES[testSize];
  return reidData(
    'VehicleID',
    tree.root,
    { train: listed('train_list.txt'), ...drawGallery(test, seed) },
    {
      train: { images: 113346, ids: 13164 },
      ...(images === undefined
        ? {}
        : { query: { images: images - testSize }, gallery: { images: testSize, ids: testSize } }),
    },
  );
}

/** One image of each identity, drawn at random, is the gallery; the others are queries. In the given order. */
export function drawGallery(
  images: readonly ReidImage[],
  seed: number,
): { query: ReidImage[]; gallery: ReidImage[] } {
  const generator = new Generator().manualSeed(seed);
  const order = randperm(images.length, { generator }).toArray<number[]>();
  const chosen = new Map<ReidImage['id'], number>();
  for (const index of order) {
    const { id } = images[index] as ReidImage;
    if (!chosen.has(id)) chosen.set(id, index);
  }
  const isGallery = (image: ReidImage, index: number) => chosen.get(image.id) === index;
  return {
    query: images.filter((image, index) => !isGallery(image, index)),
    gallery: images.filter(isGallery),
  };
}

/** `0000001 42`: name of an image and its vehicle. */
function readLine(line: string, tree: Tree, list: string): ReidImage {
  const [, name, id] = /^(\d+) (\d+)\s*$/.exec(line) ?? [];
  if (name !== undefined)
    return { path: tree.path('image', `${name}.jpg`), id: Number(id), camera: Number(name) };
  const path = tree.path('train_test_split', list);
  throw new DatasetError(`Expected lines like "0000001 42" in ${path}, got ${JSON.stringify(line)}`, {
    code: 'ERR_DATASET_NAME',
    path,
  });
}
