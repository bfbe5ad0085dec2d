import { escapeHtml, type Html } from '../../plot/index.ts';
import { Generator, randperm, scope, type Tensor } from '../../tensor/index.ts';
import type { Metric, QueryResult } from '../ranking/index.ts';
import { FeatureDistances } from '../ranking/parts.ts';
import type { Retrieval, Side } from './input.ts';
import type { Thumbnails } from './thumbnails.ts';

/** The queries to show. */
export interface ChosenQueries {
  readonly best: readonly QueryResult[];
  readonly worst: readonly QueryResult[];
  readonly random: readonly QueryResult[];
}

/** Those of the highest average precision, of the lowest, and some of all; of equal ones the first. */
export function chooseQueries(results: readonly QueryResult[], count: number, seed: number): ChosenQueries {
  const sorted = [...results].sort((a, b) => b.averagePrecision - a.averagePrecision || a.query - b.query);
  const order = scope(() => {
    const generator = new Generator().manualSeed(seed);
    return Array.from(randperm(results.length, { generator }).data() as BigInt64Array, Number);
  });
  return {
    best: sorted.slice(0, count),
    worst: sorted.slice(-count).reverse(),
    random: order.slice(0, count).map((index) => results[index] as QueryResult),
  };
}

/** Rows of images: the query, then the gallery's nearest, green where they show its identity and red where another. */
export async function rankedLists(
  retrieval: Retrieval,
  queries: readonly QueryResult[],
  { top, metric, thumbnails }: { top: number; metric: Metric; thumbnails: Thumbnails },
): Promise<Html> {
  const rows: string[] = [];
  for (const result of queries) {
    const { query, gallery } = retrieval;
    const nearest = nearestOf(retrieval, result.query, top, metric);
    const own = await card(
      query,
      result.query,
      'asked',
      `AP ${(100 * result.averagePrecision).toFixed(1)} %`,
      thumbnails,
    );
    const found: string[] = [];
    for (const { image, distance } of nearest) {
      const isMatch = gallery.ids[image] === query.ids[result.query];
      found.push(await card(gallery, image, isMatch ? 'match' : 'other', distance.toFixed(3), thumbnails));
    }
    rows.push(`<div class="list">${own}${found.join('')}</div>`);
  }
  return { html: rows.join('\n') };
}

interface Found {
  readonly image: number;
  readonly distance: number;
}

/** Images of the query's identity and camera are left out, as in the figures. */
function nearestOf({ query, gallery }: Retrieval, row: number, top: number, metric: Metric): Found[] {
  const distances = scope(() => {
    const one: Tensor = query.features.narrow(0, row, 1);
    return Float32Array.from(new FeatureDistances(one, gallery.features, metric).rows(0, 1));
  });
  const isJunk = (image: number) =>
    gallery.ids[image] === query.ids[row] && gallery.cameras[image] === query.cameras[row];
  return [...distances]
    .map((distance, image) => ({ image, distance }))
    .filter(({ image }) => !isJunk(image))
    .sort((a, b) => a.distance - b.distance || a.image - b.image)
    .slice(0, top);
}

async function card(
  side: Side,
  row: number,
  kind: string,
  figure: string,
  thumbnails: Thumbnails,
): Promise<string> {
  const [name, id, camera] = [side.names[row], side.idNames[row], side.cameraNames[row]] as [
    string,
    string,
    string,
  ];
  const path = side.paths?.[row];
  const says = `${name}: identity ${id}, camera ${camera}`;
  const picture =
    path === undefined
      ? `<span class="none">${escapeHtml(name)}</span>`
      : `<img src="${await thumbnails.of(path)}" alt="${escapeHtml(says)}">`;
  const mark = { asked: 'query', match: '✓', other: '✗' }[kind] as string;
  return (
    `<figure class="card ${kind}" title="${escapeHtml(says)}">${picture}` +
    `<figcaption>${mark} ${escapeHtml(id)}<br>${escapeHtml(figure)}</figcaption></figure>`
  );
}
