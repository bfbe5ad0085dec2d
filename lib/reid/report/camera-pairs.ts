import { type Cell, type Html, tableHtml } from '../../plot/index.ts';
import { scope, type Tensor, tensor } from '../../tensor/index.ts';
import { type Metric, rankQueries } from '../ranking/index.ts';
import type { Retrieval, Side } from './input.ts';

/** Mean average precision of queries of one camera among the gallery's images of another. */
export interface CameraPair {
  readonly query: string;
  readonly gallery: string;
  /** Undefined where no query has a match. */
  readonly mAP: number | undefined;
  /** Queries with a match there. */
  readonly valid: number;
}

/** All pairs of cameras, each pair as an evaluation of its own. */
export function cameraPairs({ query, gallery }: Retrieval, metric: Metric): CameraPair[] {
  const [queries, galleries] = [byCamera(query), byCamera(gallery)];
  return [...queries].flatMap(([from, queryRows]) =>
    [...galleries].map(([to, galleryRows]) => {
      const results =
        from === to ? [] : scope(() => rankQueries(subset(query, queryRows, gallery, galleryRows, metric)));
      const sum = results.reduce((total, { averagePrecision }) => total + averagePrecision, 0);
      const mAP = results.length === 0 ? undefined : sum / results.length;
      return { query: from, gallery: to, mAP, valid: results.length };
    }),
  );
}

/** Rows by the camera's name. */
function byCamera({ cameraNames }: Side): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const [row, name] of cameraNames.entries()) rows.set(name, [...(rows.get(name) ?? []), row]);
  return new Map([...rows].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
}

function subset(query: Side, queryRows: number[], gallery: Side, galleryRows: number[], metric: Metric) {
  return {
    queryFeatures: rowsOf(query, queryRows),
    galleryFeatures: rowsOf(gallery, galleryRows),
    queryIds: queryRows.map((row) => query.ids[row] as number),
    galleryIds: galleryRows.map((row) => gallery.ids[row] as number),
    queryCameras: queryRows.map((row) => query.cameras[row] as number),
    galleryCameras: galleryRows.map((row) => gallery.cameras[row] as number),
    metric,
  };
}

const rowsOf = ({ features }: Side, rows: readonly number[]): Tensor =>
  features.indexSelect(0, tensor([...rows], { dtype: 'int64' }));

/** A table of cameras by cameras; the darker, the higher. */
export function cameraTable(pairs: readonly CameraPair[]): Html {
  const [queries, galleries] = [
    distinct(pairs.map(({ query }) => query)),
    distinct(pairs.map(({ gallery }) => gallery)),
  ];
  const of = new Map(pairs.map((pair) => [`${pair.query}\n${pair.gallery}`, pair]));
  return tableHtml(
    ['query camera', ...galleries.map((name) => `in ${name}`)],
    queries.map((from) => [from, ...galleries.map((to) => cellOf(of.get(`${from}\n${to}`)))]),
  );
}

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

function cellOf(pair: CameraPair | undefined): Cell {
  if (pair?.mAP === undefined) return '-';
  const percent = (100 * pair.mAP).toFixed(1);
  const style = `background: rgb(0 114 178 / ${(0.55 * pair.mAP).toFixed(2)})`;
  return { html: `<span class="shade" style="${style}" title="${pair.valid} queries">${percent}</span>` };
}
