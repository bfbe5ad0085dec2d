import { checkOptions, checkPositions, checkText } from '../../options.ts';
import {
  figuresHtml,
  type Html,
  linePlot,
  pageHtml,
  plotSvg,
  scatterPlot,
  tableHtml,
} from '../../plot/index.ts';
import { scope } from '../../tensor/index.ts';
import { checkChoice, checkCount } from '../models/checks.ts';
import {
  evaluateRanking,
  type Metric,
  type RankingResult,
  type RocResult,
  rankQueries,
  roc,
} from '../ranking/index.ts';
import { cameraPairs, cameraTable } from './camera-pairs.ts';
import { embeddingOf } from './embedding.ts';
import { checkRetrieval, type ReportImages, type Retrieval } from './input.ts';
import { chooseQueries, rankedLists } from './ranked-lists.ts';
import { Thumbnails } from './thumbnails.ts';

/** Options of {@link reportPage}. */
export interface ReidReportOptions {
  query: ReportImages;
  gallery: ReportImages;
  /** Default 'Re-identification'. */
  title?: string;
  /** Default 'cosine'. */
  metric?: Metric;
  /** Queries of each kind: best, worst, random. Default 5. */
  lists?: number;
  /** Images of a list. Default 10. */
  top?: number;
  /** Points of the embedding plot at most. Default 600. */
  points?: number;
  /** Of what is drawn. Default 0. */
  seed?: number;
}

const OPTIONS = ['query', 'gallery', 'title', 'metric', 'lists', 'top', 'points', 'seed'];

/**
 * A retrieval as one page of HTML that needs no other file and no network: figures, ranked lists of the best, the worst and
 * random queries, CMC and ROC, mAP by pairs of cameras, and features in the plane.
 *
 * @returns The page's text.
 * @throws as `evaluateRanking`; the decoder's error for a path that is no image
 * @example
 * const page = await reid.reportPage({
 *   query: { features: queryFeatures, ids: queryIds, cameras: queryCameras, paths: queryPaths },
 *   gallery: { features: galleryFeatures, ids: galleryIds, cameras: galleryCameras, paths: galleryPaths },
 * });
 * writeFileSync('report.html', page);
 */
export async function reportPage(options: ReidReportOptions): Promise<string> {
  checkPositions('reid.reportPage', arguments, 1);
  checkOptions('reid.reportPage', options, OPTIONS);
  const { title = 'Re-identification', metric = 'cosine' } = options;
  checkText('reid.reportPage', 'the title', title);
  checkChoice('reid.reportPage', 'metric', metric, ['euclidean', 'cosine']);
  const count = (name: 'lists' | 'top' | 'points', fallback: number) =>
    checkCount('reid.reportPage', name, options[name] ?? fallback);
  const [lists, top, points] = [count('lists', 5), count('top', 10), count('points', 600)];
  const seed = checkCount('reid.reportPage', 'seed', options.seed ?? 0, 0);
  const retrieval = checkRetrieval(options.query, options.gallery);
  const figures = scope(() => figuresOf(retrieval, metric));
  return pageHtml(title, [
    ['Figures', summary(retrieval, figures)],
    ['Curves', await curves(figures)],
    ...(await lines(retrieval, { metric, lists, top, seed })),
    ['mAP by cameras', cameraTable(cameraPairs(retrieval, metric)), PAIRS],
    ['Features', await embeddingPlot(retrieval, points, seed)],
  ]);
}

interface Figures {
  readonly ranking: RankingResult;
  readonly curve: RocResult;
}

/** False-positive rates of the drawn curve. */
const RATES = Array.from({ length: 41 }, (_, index) => 10 ** (index / 10 - 4));

function figuresOf(retrieval: Retrieval, metric: Metric): Figures {
  const inputs = { ...inputsOf(retrieval), metric };
  return { ranking: evaluateRanking(inputs), curve: roc({ ...inputs, rates: RATES }) };
}

const inputsOf = ({ query, gallery }: Retrieval) => ({
  queryFeatures: query.features,
  galleryFeatures: gallery.features,
  queryIds: query.ids,
  galleryIds: gallery.ids,
  queryCameras: query.cameras,
  galleryCameras: gallery.cameras,
});

const percent = (share: number | undefined) => (share === undefined ? '-' : (100 * share).toFixed(2));

function summary({ query, gallery }: Retrieval, { ranking, curve }: Figures): Html {
  const { cmc, mAP, mINP, valid } = ranking;
  const at = (rate: number) =>
    curve.points.find((point) => Math.abs(Math.log10(point.rate / rate)) < 1e-9)?.tpr;
  return tableHtml(
    [
      'queries',
      'with a match',
      'gallery',
      'Rank-1 %',
      'Rank-5 %',
      'Rank-10 %',
      'mAP %',
      'mINP %',
      'TPR % at FPR 1e-3',
      'AUC %',
    ],
    [
      [
        ...[query.names.length, valid, gallery.names.length],
        ...[cmc[0], cmc[4], cmc[9], mAP, mINP, at(1e-3), curve.auc].map(percent),
      ],
    ],
  );
}

async function curves({ ranking, curve }: Figures): Promise<Html> {
  const cmc = ranking.cmc.map((share, rank): [number, number] => [rank + 1, 100 * share]);
  const tpr = curve.points.map(({ rate, tpr: share }): [number, number] => [rate, 100 * share]);
  const one = (points: readonly [number, number][]) => [{ name: 'all queries', points }];
  return figuresHtml([
    {
      label: 'CMC: share of queries with a match among the first images',
      svg: await plotSvg(linePlot(one(cmc), { title: 'CMC', x: 'rank', y: 'queries with a match (%)' })),
    },
    {
      label: 'ROC: share of genuine pairs accepted over the share of impostor pairs accepted',
      svg: await plotSvg(
        linePlot(one(tpr), {
          title: 'ROC',
          x: 'false-positive rate',
          y: 'true-positive rate (%)',
          logX: true,
        }),
      ),
    },
  ]);
}

interface ListOptions {
  readonly metric: Metric;
  readonly lists: number;
  readonly top: number;
  readonly seed: number;
}

async function lines(
  retrieval: Retrieval,
  { metric, lists, top, seed }: ListOptions,
): Promise<[heading: string, ...parts: Html[]][]> {
  const results = scope(() => rankQueries({ ...inputsOf(retrieval), metric }));
  const { best, worst, random } = chooseQueries(results, lists, seed);
  const how = { top, metric, thumbnails: new Thumbnails() };
  return [
    ['Worst queries', LEGEND, await rankedLists(retrieval, worst, how)],
    ['Random queries', await rankedLists(retrieval, random, how)],
    ['Best queries', await rankedLists(retrieval, best, how)],
  ];
}

async function embeddingPlot(retrieval: Retrieval, points: number, seed: number): Promise<Html> {
  const { places, shown, identities } = embeddingOf(retrieval, points, seed);
  const title = `the ${identities.length} identities with most images, two principal components (${percent(shown)} % of the variance)`;
  const dots = places.map(({ x, y, identity, camera }) => ({ x, y, name: identity, kind: camera }));
  return figuresHtml([
    { label: title, svg: await plotSvg(scatterPlot(dots, { title, width: 640, height: 420 })) },
  ]);
}

const STYLE = `
.list { display: flex; gap: .4rem; overflow-x: auto; margin: .5rem 0 1rem; }
.card { flex: none; width: 78px; font-size: 11px; line-height: 1.25; text-align: center; }
.card img, .card .none { display: block; box-sizing: border-box; width: 78px; height: 138px; object-fit: contain; background: #f4f4f4; border: 4px solid; border-radius: 3px; overflow: hidden; word-break: break-all; text-align: left; }
.asked > :first-child { border-color: #555; } .match > :first-child { border-color: #009e00; } .other > :first-child { border-color: #d4001a; border-style: dashed; }
.asked { margin-right: .8rem; } figcaption { overflow-wrap: anywhere; }
.shade { display: inline-block; min-width: 3.2em; padding: .1em .3em; text-align: right; }`;

const LEGEND: Html = {
  html: `<style>${STYLE}</style><p>The query first, then the gallery's nearest images with their distances; images of the query's identity and camera are left out. Green ✓: the query's identity. Red, dashed ✗: another. By average precision (AP).</p>`,
};

const PAIRS: Html = {
  html: "<p>Each pair is an evaluation of its own: queries of one camera among the gallery's images of the other, in %. The number of queries with a match there shows where the pointer rests.</p>",
};
