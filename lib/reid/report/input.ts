import { describeValue } from '../../options.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';
import { encodeLabels, type Features, featureMatrix, type Labels } from '../ranking/parts.ts';

/** Images of one side of a retrieval. */
export interface ReportImages {
  /** (N, D) */
  features: Features;
  ids: Labels;
  cameras: Labels;
  /** What each is called. Default its number. */
  names?: readonly string[];
  /** The files, to show. Default none: names alone are shown. */
  paths?: readonly string[];
}

/** The same, checked. */
export interface Side {
  readonly features: Tensor;
  /** Equal where the labels are, in queries and gallery. */
  readonly ids: Int32Array;
  readonly cameras: Int32Array;
  readonly idNames: readonly string[];
  readonly cameraNames: readonly string[];
  readonly names: readonly string[];
  readonly paths: readonly string[] | undefined;
}

/** Queries and gallery. */
export interface Retrieval {
  readonly query: Side;
  readonly gallery: Side;
}

/** @throws TypeError, RangeError for wrong kinds and lengths */
export function checkRetrieval(query: ReportImages, gallery: ReportImages): Retrieval {
  const features = [featuresOf('query', query), featuresOf('gallery', gallery)] as const;
  const sizes = [features[0].size(0) as number, features[1].size(0) as number] as const;
  if (features[0].size(1) !== features[1].size(1)) {
    throw new RangeError(
      `Expected features of one width for reid.reportPage, got ${features[0].size(1)} for the queries and ${features[1].size(1)} for the gallery`,
    );
  }
  const ids = encoded('ids', query.ids, gallery.ids, sizes);
  const cameras = encoded('cameras', query.cameras, gallery.cameras, sizes);
  const sides = [query, gallery].map((side, index) => ({
    features: features[index] as Tensor,
    ids: ids[index] as Int32Array,
    cameras: cameras[index] as Int32Array,
    idNames: textsOf(side.ids),
    cameraNames: textsOf(side.cameras),
    names: listOf('names', side.names, sizes[index] as number) ?? numbered(sizes[index] as number),
    paths: listOf('paths', side.paths, sizes[index] as number),
  }));
  return { query: sides[0] as Side, gallery: sides[1] as Side };
}

function featuresOf(name: string, side: ReportImages): Tensor {
  if (typeof side === 'object' && side !== null)
    return featureMatrix(`reid.reportPage ${name} features`, side.features);
  throw new TypeError(
    `Expected { features, ids, cameras } for reid.reportPage ${name}, got ${describeValue(side)}`,
  );
}

function encoded(
  name: string,
  query: Labels,
  gallery: Labels,
  sizes: readonly [number, number],
): [Int32Array, Int32Array] {
  return encodeLabels(
    [`reid.reportPage query ${name}`, query],
    [`reid.reportPage gallery ${name}`, gallery],
    sizes,
  );
}

const textsOf = (labels: Labels): string[] =>
  Array.from((isTensor(labels) ? labels.data() : labels) as ArrayLike<unknown>, String);

const numbered = (length: number): string[] => Array.from({ length }, (_, index) => `image ${index}`);

function listOf(
  name: string,
  list: readonly string[] | undefined,
  length: number,
): readonly string[] | undefined {
  if (list === undefined) return undefined;
  const isTexts = Array.isArray(list) && list.every((item) => typeof item === 'string');
  if (!isTexts) throw new TypeError(`Expected texts for reid.reportPage ${name}, got ${describeValue(list)}`);
  if (list.length === length) return list;
  throw new RangeError(
    `Expected ${length} ${name} for reid.reportPage, one for each image, got ${list.length}`,
  );
}
