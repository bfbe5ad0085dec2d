import { pathOf } from '../../atomic-file.ts';
import { expandUser } from '../../data/fs-path.ts';
import { checkOptions, checkPositions, checkText, suggestion } from '../../options.ts';
import { type CsvListOptions, csvList } from './csv.ts';
import { type Cuhk03Options, cuhk03 } from './cuhk03.ts';
import { type ImageFoldersOptions, imageFolders } from './folder.ts';
import { type Msmt17Options, msmt17 } from './msmt17.ts';
import type { ReidData } from './reid-image.ts';
import { dukemtmcreid, market1501, veri } from './three-folders.ts';
import { type VehicleIdOptions, vehicleid } from './vehicleid.ts';
import { type ViperOptions, viper } from './viper.ts';

/** Options of each data set of {@link loadData}. */
export interface DataOptions {
  market1501: Record<never, never>;
  dukemtmcreid: Record<never, never>;
  msmt17: Msmt17Options;
  cuhk03: Cuhk03Options;
  veri: Record<never, never>;
  vehicleid: VehicleIdOptions;
  viper: ViperOptions;
  folder: ImageFoldersOptions;
  csv: CsvListOptions;
}

/** A name that {@link loadData} takes. */
export type DataName = keyof DataOptions;

interface Reader {
  readonly options: readonly string[];
  read(root: string, options: never): ReidData;
}

const READERS: Record<DataName, Reader> = {
  market1501: { options: [], read: market1501 },
  dukemtmcreid: { options: [], read: dukemtmcreid },
  msmt17: { options: ['withVal'], read: msmt17 },
  cuhk03: { options: ['labeled', 'classic', 'split'], read: cuhk03 },
  veri: { options: [], read: veri },
  vehicleid: { options: ['testSize', 'seed'], read: vehicleid },
  viper: { options: ['split', 'seed'], read: viper },
  folder: { options: ['pattern', 'train', 'query', 'gallery', 'name'], read: imageFolders },
  csv: { options: ['images', 'name'], read: csvList },
};

/** Other names of data sets. */
const ALIASES: Record<string, DataName> = {
  market: 'market1501',
  duke: 'dukemtmcreid',
  msmt: 'msmt17',
  veri776: 'veri',
};

/** The names that {@link loadData} takes. */
export function listData(): DataName[] {
  checkPositions('listData', arguments, 0);
  return Object.keys(READERS) as DataName[];
}

/** The full name of a data set, or undefined. `market`, `duke` and `msmt` are short for theirs. */
export function dataName(name: string): DataName | undefined {
  checkPositions('dataName', arguments, 1);
  checkText('dataName', 'a name', name);
  const key = Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name;
  return Object.hasOwn(READERS, key) ? (key as DataName) : undefined;
}

/**
 * Reads the lists of a published Re-ID data set, or of a folder or table of your own. Images come in the order of their names,
 * whatever the file system's; those of identity -1 are left out. Counts that are not the published ones are in `differences`, and
 * a warning (`IBN_REID_COUNTS`).
 *
 * @param name `market1501`, `dukemtmcreid`, `msmt17`, `cuhk03`, `veri`, `vehicleid`, `viper`; `folder` with a pattern of names, `csv`
 * @param root the data set's folder, or the one it lies in; the file of `csv`. `~` is the home folder
 * @throws DatasetError with what was expected where, for a folder that is another
 * @example
 * const market = reid.loadData('market1501', 'data/Market-1501-v15.09.15');
 * market.counts.train; // { images: 12936, ids: 751, cameras: 6 }
 */
export function loadData<Name extends DataName>(
  name: Name,
  root: string | URL,
  ...[options]: Record<never, never> extends DataOptions[Name]
    ? [options?: DataOptions[Name]]
    : [options: DataOptions[Name]]
): ReidData {
  checkPositions('loadData', arguments, 3);
  checkText('loadData name', 'a name', name);
  const known = dataName(name);
  if (known === undefined) {
    throw new RangeError(
      `Expected a data set for loadData, got "${name}"${suggestion(name, listData(), 'data sets')}`,
    );
  }
  const { options: keys, read } = READERS[known];
  if (keys.length === 0 && Object.keys(options ?? {}).length > 0) {
    throw new RangeError(
      `Expected no options for loadData ${known}, got ${Object.keys(options ?? {}).join(', ')}`,
    );
  }
  checkOptions(`loadData ${known}`, options ?? {}, keys);
  return read(expandUser(pathOf(root, 'loadData')), (options ?? {}) as never);
}
