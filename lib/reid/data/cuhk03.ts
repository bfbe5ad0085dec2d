import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DatasetError } from '../../data/errors.ts';
import { fsEncode } from '../../data/fs-path.ts';
import { namedImages } from './named-files.ts';
import { type PublishedCounts, type ReidData, type ReidImage, reidData } from './reid-image.ts';
import { Tree } from './tree.ts';

/** Options of `cuhk03`. */
export interface Cuhk03Options {
  /** Boxes drawn by hand, in place of detected ones. Default false, as deep-person-reid. */
  labeled?: boolean;
  /** The old protocol: 20 splits of 100 test identities, evaluated with `singleGalleryShot`. Default false: 767/700. */
  classic?: boolean;
  /** Which of the splits, from 0; the new protocol has one. Default 0. */
  split?: number;
}

const FOLDERS = ['bounding_box_train', 'query', 'bounding_box_test'] as const;

const NEW_PROTOCOL: Record<'labeled' | 'detected', PublishedCounts> = {
  labeled: {
    train: { images: 7368, ids: 767, cameras: 2 },
    query: { images: 1400, ids: 700, cameras: 2 },
    gallery: { images: 5328, ids: 700, cameras: 2 },
  },
  detected: {
    train: { images: 7365, ids: 767, cameras: 2 },
    query: { images: 1400, ids: 700, cameras: 2 },
    gallery: { images: 5332, ids: 700, cameras: 2 },
  },
};

/**
 * CUHK03, either protocol, from what deep-person-reid and fast-reid make of `cuhk-03.mat`: `images_labeled`, `images_detected`
 * and `splits_{new,classic}_{labeled,detected}.json`. The new protocol also from CUHK03-NP's folders `labeled` and `detected`.
 */
export function cuhk03(root: string, options: Cuhk03Options = {}): ReidData {
  const { labeled = false, classic = false, split = 0 } = options;
  const kind = labeled ? 'labeled' : 'detected';
  const protocol = classic ? 'classic' : 'new';
  const name = `CUHK03 (${protocol} protocol, ${kind})`;
  const published = classic ? { train: { ids: 1260 }, query: { ids: 100 } } : NEW_PROTOCOL[kind];
  const folders = classic ? undefined : foldersOf(root, kind);
  if (folders !== undefined) return reidData(name, folders.root, partsOfFolders(folders), published);
  const file = `splits_${protocol}_${kind}.json`;
  const tree = Tree.find(name, root, [`images_${kind}`, file], ['cuhk03']);
  return reidData(
    name,
    tree.root,
    partsOfSplit(tree, file, kind, split),
    classic ? published : NEW_PROTOCOL[kind],
  );
}

function foldersOf(root: string, kind: string): Tree | undefined {
  try {
    return Tree.find('CUHK03-NP', root, FOLDERS, [kind, `cuhk03-np/${kind}`]);
  } catch {
    return undefined;
  }
}

function partsOfFolders(tree: Tree) {
  const naming = {
    pattern: /([-\d]+)_c(\d)/,
    example: '0001_c1_21.png',
    ids: [0, 1467],
    cameras: [1, 2],
    endings: ['.png', '.jpg'],
  } as const;
  const [train, query, gallery] = FOLDERS.map((folder) => namedImages(tree, folder, naming)) as [
    ReidImage[],
    ReidImage[],
    ReidImage[],
  ];
  return { train, query, gallery };
}

type Item = [path: string, id: number, camera: number];

/** The files hold paths of the machine that made them; the names count. */
function partsOfSplit(tree: Tree, file: string, kind: string, split: number) {
  const splits = readSplits(tree.path(file));
  const chosen = splits[split];
  if (chosen === undefined) {
    throw new RangeError(`Expected 0 to ${splits.length - 1} for cuhk03 split, got ${split}`);
  }
  const images = (part: 'train' | 'query' | 'gallery'): ReidImage[] =>
    chosen[part].map(([path, id, camera]) => ({
      path: tree.path(`images_${kind}`, basename(path.replaceAll('\\', '/'))),
      id,
      camera,
    }));
  return { train: images('train'), query: images('query'), gallery: images('gallery') };
}

function readSplits(path: string): Record<'train' | 'query' | 'gallery', Item[]>[] {
  try {
    const splits: unknown = JSON.parse(readFileSync(fsEncode(path), 'utf8'));
    if (Array.isArray(splits) && splits.every(isSplit)) return splits;
    throw new Error('no list of {train, query, gallery}, each of [path, id, camera]');
  } catch (cause) {
    throw new DatasetError(
      `Expected splits as deep-person-reid writes them in ${path}, got ${(cause as Error).message}`,
      {
        code: 'ERR_DATASET_NAME',
        path,
        cause,
      },
    );
  }
}

function isSplit(split: unknown): boolean {
  const isItem = (item: unknown) =>
    Array.isArray(item) &&
    typeof item[0] === 'string' &&
    Number.isInteger(item[1]) &&
    Number.isInteger(item[2]);
  return ['train', 'query', 'gallery'].every((part) => {
    const items = (split as Record<string, unknown> | null)?.[part];
    return Array.isArray(items) && items.every(isItem);
  });
}
