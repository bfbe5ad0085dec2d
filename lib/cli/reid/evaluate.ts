import {
  aqe,
  evaluateRanking,
  evaluateVehicleId,
  type Metric,
  type RankingResult,
  type RerankOptions,
} from '../../reid/index.ts';
import { cat, scope, type Tensor } from '../../tensor/index.ts';
import { textTable } from '../../text-table.ts';
import { type BatchedNetworkOptions, ReidNetwork, type ReidStreams } from './network.ts';
import { openTestSet, type TestSet } from './test-sets.ts';

/** Options of {@link evaluateReid}, as commander gives them. */
export interface ReidEvaluateOptions extends BatchedNetworkOptions {
  test: string[];
  root: string;
  pattern?: string;
  metric: Metric;
  rerank?: NonNullable<RerankOptions['form']>;
  aqe?: boolean;
  json?: boolean;
}

/** Figures of a network on a data set. */
export interface ReidEvaluation extends RankingResult {
  readonly checkpoint: string;
  readonly network: string;
  readonly test: string;
  readonly queries: number;
  readonly gallery: number;
  /** How the data set's counts differ from the published ones. */
  readonly differences: readonly string[];
}

/**
 * Evaluates every network on every data set, and prints a line for each. All data sets are read before anything is computed.
 */
export async function evaluateReid(
  options: ReidEvaluateOptions,
  streams: ReidStreams = process,
): Promise<void> {
  const sets = options.test.map((text) => openTestSet(text, options));
  const results: ReidEvaluation[] = [];
  for (const checkpoint of options.checkpoint) {
    const network = await ReidNetwork.load(checkpoint, options, streams.stderr);
    for (const set of sets) results.push(await evaluateOn(network, set, options, streams));
    network.dispose();
  }
  const { metric, flip = false, aqe: isExpanded = false, rerank = null } = options;
  const settings = { metric, flip, aqe: isExpanded, rerank };
  streams.stdout.write(options.json ? `${JSON.stringify({ ...settings, results })}\n` : asText(results));
}

async function evaluateOn(
  network: ReidNetwork,
  set: TestSet,
  options: ReidEvaluateOptions,
  { stderr }: ReidStreams,
): Promise<ReidEvaluation> {
  const { query, gallery, differences } = set.data;
  const features = await network.extract(
    [...query, ...gallery].map(({ path }) => path),
    stderr,
  );
  const figures = scope(() => figuresOf(features, set, options));
  features.dispose();
  return {
    checkpoint: network.name,
    network: String(network.loaded),
    test: set.name,
    queries: query.length,
    gallery: gallery.length,
    ...figures,
    differences,
  };
}

function figuresOf(features: Tensor, set: TestSet, options: ReidEvaluateOptions): RankingResult {
  const { query, gallery } = set.data;
  const { metric, rerank } = options;
  const parts: [Tensor, Tensor] = [
    features.narrow(0, 0, query.length),
    features.narrow(0, query.length, gallery.length),
  ];
  const [queryFeatures, galleryFeatures] = options.aqe ? aqe(...parts) : parts;
  if (set.isVehicleId && rerank === undefined) {
    const ids = [...query, ...gallery].map(({ id }) => id);
    return evaluateVehicleId({ features: cat([queryFeatures, galleryFeatures]), ids, metric });
  }
  return evaluateRanking({
    queryFeatures,
    galleryFeatures,
    queryIds: query.map(({ id }) => id),
    galleryIds: gallery.map(({ id }) => id),
    queryCameras: query.map(({ camera }) => camera),
    galleryCameras: gallery.map(({ camera }) => camera),
    metric,
    singleGalleryShot: set.isSingleShot,
    ...(rerank === undefined ? {} : { rerank: { form: rerank } }),
  });
}

const HEAD = ['checkpoint', 'test', 'queries', 'gallery', 'Rank-1', 'Rank-5', 'Rank-10', 'mAP', 'mINP'];

function asText(results: readonly ReidEvaluation[]): string {
  const percent = (share: number | undefined) => (share === undefined ? '-' : (100 * share).toFixed(2));
  const rows = results.map(({ checkpoint, test, queries, gallery, cmc, mAP, mINP }) => [
    checkpoint,
    test,
    String(queries),
    String(gallery),
    ...[cmc[0], cmc[4], cmc[9], mAP, mINP].map(percent),
  ]);
  const notes = results.flatMap(({ test, differences }) => differences.map((text) => `${test}: ${text}`));
  return `${[...textTable([HEAD, ...rows], new Set(HEAD.slice(2))), ...new Set(notes)].join('\n')}\n`;
}
