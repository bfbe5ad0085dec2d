import { type DataOptions, dataName, loadData, type ReidData } from '../../reid/index.ts';

/** A data set to test on. */
export interface TestSet {
  /** As it was asked for. */
  readonly name: string;
  readonly data: ReidData;
  /** CUHK03's old protocol. */
  readonly isSingleShot: boolean;
  /** VehicleID's draws of galleries. */
  readonly isVehicleId: boolean;
}

/** Where data sets lie, and how names in a folder are read. */
export interface TestSetOptions {
  root: string;
  pattern?: string;
}

const CUHK03: Record<string, DataOptions['cuhk03']> = {
  cuhk03: {},
  'cuhk03-labeled': { labeled: true },
  'cuhk03-classic': { classic: true },
  'cuhk03-classic-labeled': { classic: true, labeled: true },
};

/** Reads `NAME` or `NAME=FOLDER`. */
export function openTestSet(text: string, { root, pattern }: TestSetOptions): TestSet {
  const [name, place] = placeOf(text, root);
  return {
    name,
    data: read(name, place, '--test', { pattern, query: 'query', gallery: 'gallery' }),
    isSingleShot: CUHK03[name]?.classic === true,
    isVehicleId: name === 'vehicleid',
  };
}

/** Reads `NAME` or `NAME=FOLDER` to train on; a folder has `train`, and may have `query` and `gallery`. */
export function openTrainingSet(text: string, { root, pattern }: TestSetOptions): ReidData {
  const [name, place] = placeOf(text, root);
  return read(name, place, '--train', { pattern, train: 'train' });
}

function placeOf(text: string, root: string): [name: string, place: string] {
  const [name = '', ...rest] = text.split('=');
  return [name, rest.length > 0 ? rest.join('=') : root];
}

/** Folders of a data set by pattern. */
interface Folders {
  readonly pattern: string | undefined;
  readonly train?: string;
  readonly query?: string;
  readonly gallery?: string;
}

function read(name: string, place: string, flag: string, { pattern, ...folders }: Folders): ReidData {
  const cuhk03 = CUHK03[name];
  if (cuhk03 !== undefined) return loadData('cuhk03', place, cuhk03);
  if (dataName(name) !== 'folder') return loadData(name as 'market1501', place);
  if (pattern === undefined) {
    throw new RangeError(`Expected --pattern for ${flag} folder, such as "{id}_c{camera}_{}", got none`);
  }
  return loadData('folder', place, { pattern, ...folders });
}
