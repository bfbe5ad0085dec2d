import { byCodePoint } from '../../data/fs-path.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { ReidData, ReidImage } from './reid-image.ts';

/** Options of {@link trainingSet}. */
export interface TrainingSetOptions {
  /**
   * In which order identities get labels: `number` counts up, as reid-strong-baseline's Market-1501; `text` sorts
   * `market1501_1`, `market1501_10`, `market1501_2`, as fast-reid. Default 'number'.
   */
  order?: 'number' | 'text';
  /** Query and gallery images train too, but for distractors: fast-reid's COMBINEALL. Default false. */
  combineAll?: boolean;
}

/** An image to train on. */
export interface TrainingImage {
  readonly path: string;
  /** From 0 to `numClasses` - 1. */
  readonly label: number;
  /** From 0 to `numCameras` - 1. */
  readonly camera: number;
}

/** What {@link trainingSet} gives. */
export interface TrainingSet {
  readonly images: readonly TrainingImage[];
  readonly numClasses: number;
  readonly numCameras: number;
  /** What each label was: the data set's number and the identity. */
  readonly classes: readonly { readonly data: number; readonly id: ReidImage['id'] }[];
}

/**
 * The training images of one or more data sets, with labels from 0 on. Identities and cameras of different data sets are
 * different.
 *
 * @throws RangeError where there is nothing to train on
 * @example
 * const { images, numClasses } = reid.trainingSet([market, duke]); // 751 + 702 classes
 */
export function trainingSet(sets: readonly ReidData[], options: TrainingSetOptions = {}): TrainingSet {
  checkPositions('trainingSet', arguments, 2);
  checkOptions('trainingSet', options, ['order', 'combineAll']);
  const { order = 'number', combineAll = false } = options;
  if (order !== 'number' && order !== 'text') {
    throw new RangeError(`Expected "number" or "text" for trainingSet order, got ${describeValue(order)}`);
  }
  if (!Array.isArray(sets) || !sets.every((set) => Array.isArray(set?.train))) {
    throw new TypeError(
      `Expected an array of what loadData gives for trainingSet, got ${describeValue(sets)}`,
    );
  }
  const entries = sets.flatMap((set, data) => entriesOf(set, data, combineAll));
  if (entries.length === 0) {
    throw new RangeError(
      'Expected training images for trainingSet, got none; have the data sets a part to train on?',
    );
  }
  const compare = order === 'text' ? byText(sets) : byNumber;
  const classes = [...new Map(entries.map((entry) => [entry.key, entry])).values()].sort(compare);
  const labels = new Map(classes.map(({ key }, label) => [key, label]));
  const cameras = new Map<string, number>();
  const images = entries.map(({ key, camera, path }) => {
    if (!cameras.has(camera)) cameras.set(camera, cameras.size);
    return { path, label: labels.get(key) as number, camera: cameras.get(camera) as number };
  });
  return {
    images,
    numClasses: classes.length,
    numCameras: cameras.size,
    classes: classes.map(({ data, id }) => ({ data, id })),
  };
}

interface Entry {
  readonly data: number;
  readonly id: ReidImage['id'];
  readonly isTest: boolean;
  readonly key: string;
  readonly camera: string;
  readonly path: string;
}

function entriesOf(set: ReidData, data: number, combineAll: boolean): Entry[] {
  const entry = ({ path, id, camera }: ReidImage, isTest: boolean) => ({
    data,
    id,
    isTest,
    path,
    key: `${data} ${isTest} ${typeof id} ${id}`,
    camera: `${data} ${camera}`,
  });
  const own = set.train.map((image) => entry(image, false));
  if (!combineAll) return own;
  const tests = [...set.query, ...set.gallery].filter(({ id }) => id !== 0 && id !== -1);
  return [...own, ...tests.map((image) => entry(image, true))];
}

function byNumber(a: Entry, b: Entry): number {
  if (a.data !== b.data) return a.data - b.data;
  if (a.isTest !== b.isTest) return a.isTest ? 1 : -1;
  if (typeof a.id === 'number' && typeof b.id === 'number') return a.id - b.id;
  return byCodePoint(String(a.id), String(b.id));
}

/** As fast-reid's names sort: `NAME_ID`, and `NAME_test_ID` of what was to test on. */
function byText(sets: readonly ReidData[]): (a: Entry, b: Entry) => number {
  const name = ({ data, isTest, id }: Entry) => `${sets[data]?.name}_${isTest ? 'test_' : ''}${id}`;
  return (a, b) => byCodePoint(name(a), name(b)) || a.data - b.data;
}
