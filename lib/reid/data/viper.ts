import { DatasetError } from '../../data/errors.ts';
import { Generator, randperm } from '../../tensor/index.ts';
import { type ReidData, type ReidImage, reidData } from './reid-image.ts';
import { Tree } from './tree.ts';

/** Options of `viper`. */
export interface ViperOptions {
  /** Which of 20 splits, from 0; even ones ask with camera A, odd ones the same split with camera B. Default 0. */
  split?: number;
  /** Of the draw of the ten halves. Default 0. */
  seed?: number;
}

/**
 * VIPeR. Half of the identities train; ten draws of them make 20 splits, as in deep-person-reid, which draws anew on each
 * machine: figures are means over all 20. Here the draw is that of `seed`.
 */
export function viper(root: string, { split = 0, seed = 0 }: ViperOptions = {}): ReidData {
  if (!Number.isInteger(split) || split < 0 || split > 19) {
    throw new RangeError(`Expected a whole number from 0 to 19 for viper split, got ${split}`);
  }
  const tree = Tree.find('VIPeR', root, ['cam_a', 'cam_b'], ['VIPeR', 'viper/VIPeR']);
  const [a, b] = [camera(tree, 'cam_a', 0), camera(tree, 'cam_b', 1)];
  checkPairs(tree, a, b);
  const order = drawOrder(a.length, seed, Math.floor(split / 2));
  const half = Math.floor(a.length / 2);
  const [train, test] = [order.slice(0, half), order.slice(half)];
  const of = (images: ReidImage[], indices: number[]) => indices.map((index) => images[index] as ReidImage);
  const [first, second] = split % 2 === 0 ? [a, b] : [b, a];
  const parts = {
    train: train.flatMap((index) => of(a, [index]).concat(of(b, [index]))),
    query: of(first, test),
    gallery: of(second, test),
  };
  const images = { images: 316, ids: 316, cameras: 1 };
  return reidData('VIPeR', tree.root, parts, {
    train: { images: 632, ids: 316, cameras: 2 },
    query: images,
    gallery: images,
  });
}

function camera(tree: Tree, folder: string, number: number): ReidImage[] {
  return tree.names(folder, ['.bmp']).map((name) => ({
    path: tree.path(folder, name),
    id: Number(/^\d+/.exec(name)?.[0]),
    camera: number,
  }));
}

function checkPairs(tree: Tree, a: ReidImage[], b: ReidImage[]): void {
  const single = a.find(({ id }, index) => Number.isNaN(id) || id !== b[index]?.id);
  if (single === undefined && a.length === b.length) return;
  throw new DatasetError(
    `Expected the same identities in cam_a and cam_b of ${tree.root}, got ${a.length} and ${b.length} images, of which ${single?.path ?? 'the last'} has no partner`,
    { code: 'ERR_DATASET_NAME', path: tree.root },
  );
}

function drawOrder(count: number, seed: number, draw: number): number[] {
  const generator = new Generator().manualSeed(seed);
  const draws = Array.from({ length: draw + 1 }, () => randperm(count, { generator }).toArray<number[]>());
  return draws[draw] as number[];
}
