import { type Naming, namedImages } from './named-files.ts';
import { type PublishedCounts, type ReidData, reidData } from './reid-image.ts';
import { Tree } from './tree.ts';

/** A data set of three folders, as Market-1501's. */
interface ThreeFolders {
  readonly name: string;
  readonly folders: readonly [train: string, query: string, gallery: string];
  readonly subfolders: readonly string[];
  readonly naming: Naming;
  readonly published: PublishedCounts;
}

const MARKET_FOLDERS = ['bounding_box_train', 'query', 'bounding_box_test'] as const;

const MARKET1501: ThreeFolders = {
  name: 'Market-1501',
  folders: MARKET_FOLDERS,
  subfolders: ['Market-1501-v15.09.15', 'market1501'],
  naming: {
    pattern: /([-\d]+)_c(\d)/,
    example: '0002_c1s1_000451_03.jpg',
    ids: [0, 1501],
    cameras: [1, 6],
    endings: ['.jpg'],
  },
  published: {
    train: { images: 12936, ids: 751, cameras: 6 },
    query: { images: 3368, ids: 750, cameras: 6 },
    gallery: { images: 15913, ids: 751, cameras: 6 },
  },
};

const DUKEMTMC: ThreeFolders = {
  name: 'DukeMTMC-reID',
  folders: MARKET_FOLDERS,
  subfolders: ['DukeMTMC-reID', 'dukemtmc-reid/DukeMTMC-reID', 'dukemtmc-reid'],
  naming: {
    pattern: /([-\d]+)_c(\d)/,
    example: '0001_c2_f0046182.jpg',
    ids: [0, 7140],
    cameras: [1, 8],
    endings: ['.jpg'],
  },
  published: {
    train: { images: 16522, ids: 702, cameras: 8 },
    query: { images: 2228, ids: 702, cameras: 8 },
    gallery: { images: 17661, ids: 1110, cameras: 8 },
  },
};

const VERI: ThreeFolders = {
  name: 'VeRi-776',
  folders: ['image_train', 'image_query', 'image_test'],
  subfolders: ['VeRi', 'veri', 'VeRi-776'],
  naming: {
    pattern: /(\d+)_c(\d\d\d)/,
    example: '0001_c001_00016450_0.jpg',
    ids: [0, 776],
    cameras: [1, 20],
    endings: ['.jpg'],
  },
  published: {
    train: { images: 37778, ids: 576 },
    query: { images: 1678, ids: 200 },
    gallery: { images: 11579, ids: 200 },
  },
};

function threeFolders(
  root: string,
  { name, folders, subfolders, naming, published }: ThreeFolders,
): ReidData {
  const tree = Tree.find(name, root, folders, subfolders);
  const [train, query, gallery] = folders.map((folder) => namedImages(tree, folder, naming));
  return reidData(
    name,
    tree.root,
    { train, query, gallery } as Pick<ReidData, 'train' | 'query' | 'gallery'>,
    published,
  );
}

export const market1501 = (root: string): ReidData => threeFolders(root, MARKET1501);
export const dukemtmcreid = (root: string): ReidData => threeFolders(root, DUKEMTMC);
export const veri = (root: string): ReidData => threeFolders(root, VERI);
