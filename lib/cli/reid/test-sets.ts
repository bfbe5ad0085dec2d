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
  const [name = '', ...rest] = text.split('=');
  const place = rest.length > 0 ? rest.join('=') : root;
  return {
    name,
    data: read(name, place, pattern),
    isSingleShot: CUHK03[name]?.classic === true,
    isVehicleId: name === 'vehicleid',
  };
}

function read(name: string, place: string, pattern: string | undefined): ReidData {
  const cuhk03 = CUHK03[name];
  if (cuhk03 !== undefined) return loadData('cuhk03', place, cuhk03);
  if (dataName(name) !== 'folder') return loadData(name as 'market1501', place);
  if (pattern === undefined) {
    throw new RangeError('Expected --pattern for --test folder, such as "{id}_c{camera}_{}", got none');
  }
  return loadData('folder', place, { pattern, query: 'query', gallery: 'gallery' });
}
