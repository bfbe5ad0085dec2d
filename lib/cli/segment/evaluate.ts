import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { DataLoader } from '../../data/index.ts';
import { isRedrawable, StatusLine } from '../../net/status-line.ts';
import * as segment from '../../segment/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { count, textTable } from '../../text-table.ts';
import { readingOf } from '../reading.ts';
import type { TrainStreams } from '../train/train.ts';
import { SegmentNetwork, type SegmentNetworkOptions } from './network.ts';
import { parseTestSet } from './test-sets.ts';

/** Options of {@link evaluateSegment}, as commander gives them. */
export interface SegmentEvaluateOptions extends SegmentNetworkOptions {
  checkpoint: string[];
  test: string[];
  split: string;
  dataOptions?: Record<string, unknown>;
  workers: number;
  skipUnreadable?: boolean;
  json?: boolean;
  output?: string;
}

/** Figures of a network on a data set. */
export interface SegmentEvaluation extends segment.SegmentFigures {
  readonly checkpoint: string;
  readonly network: string;
  readonly test: string;
  readonly images: number;
  /** Pairs that were left out. */
  readonly unreadable: number;
  /** Images a second, reading and comparing included. */
  readonly imagesPerSecond: number;
  readonly differences: readonly string[];
}

/** Evaluates every network on every data set: a line for each, a table over both, and one for the classes. */
export async function evaluateSegment(
  options: SegmentEvaluateOptions,
  streams: TrainStreams = process,
): Promise<void> {
  const sets = options.test.map((text) => parseTestSet(text, options.split, options.dataOptions));
  const results: SegmentEvaluation[] = [];
  for (const checkpoint of options.checkpoint) {
    const network = SegmentNetwork.load(checkpoint, options, streams.stderr);
    for (const data of sets) checkClasses(network, data);
    for (const data of sets) results.push(await evaluateOn(network, data, options, streams));
    network.dispose();
  }
  if (options.output !== undefined) writeResults(options.output, results);
  streams.stdout.write(options.json ? `${JSON.stringify({ results })}\n` : asText(results));
}

function checkClasses({ loaded, name }: SegmentNetwork, { name: set, classes }: segment.SegmentData): void {
  if (loaded.numClasses === classes.length) return;
  throw new RangeError(
    `Expected a network for the ${classes.length} classes of ${set}, got ${name} with ${loaded.numClasses}`,
  );
}

async function evaluateOn(
  network: SegmentNetwork,
  data: segment.SegmentData,
  { workers, skipUnreadable = false }: SegmentEvaluateOptions,
  { stderr }: TrainStreams,
): Promise<SegmentEvaluation> {
  const images = new segment.SegmentDataset(data, { transform: segment.evalTransform() });
  const reading = readingOf(workers);
  const loader = new DataLoader(images, { ...reading, batchSize: 1, skipUnreadable });
  const metrics = new segment.SegmentMetrics(data.classes.length, { classes: data.classes });
  const line = isRedrawable(stderr) ? new StatusLine(stderr) : undefined;
  const began = performance.now();
  let done = 0;
  try {
    for await (const [image, mask] of loader as AsyncIterable<[Tensor, Tensor]>) {
      const labels = await network.labels(image);
      scope(() => metrics.update(labels, mask));
      for (const one of [image, mask, labels]) one.dispose();
      done++;
      line?.draw({ share: done / images.length, count: `${done}/${images.length} images` });
    }
  } finally {
    line?.clear();
  }
  return {
    checkpoint: network.name,
    network: String(network.loaded),
    test: `${data.name} ${data.split}`,
    images: done,
    unreadable: loader.skipped.length,
    imagesPerSecond: (1000 * done) / (performance.now() - began),
    ...metrics.summary(),
    differences: data.differences,
  };
}

function writeResults(folder: string, results: readonly SegmentEvaluation[]): void {
  mkdirSync(folder, { recursive: true });
  const text = `${JSON.stringify({ results }, null, 1)}\n`;
  writeAtomically(join(folder, 'evaluation.json'), (sink) => sink(Buffer.from(text)));
}

const HEAD = ['checkpoint', 'test', 'images', 'mIoU', 'pixel acc.', 'mean acc.', 'fw. IoU'];
const percent = (share: number | null | undefined) => (share == null ? '-' : (100 * share).toFixed(2));

function asText(results: readonly SegmentEvaluation[]): string {
  const rows = results.map((one) => [
    ...[one.checkpoint, one.test, count(one.images)],
    ...[one.mIoU, one.pixelAccuracy, one.meanAccuracy, one.frequencyWeightedIoU].map(percent),
  ]);
  const notes = results.flatMap(({ test, differences, unreadable }) => [
    ...differences.map((text) => `${test}: ${text}`),
    ...(unreadable > 0 ? [`${test}: ${unreadable} pairs could not be read and were left out`] : []),
  ]);
  return [
    ...textTable([HEAD, ...rows], new Set(HEAD.slice(2))),
    ...new Set(notes),
    ...acrossDomains(results),
    ...results.flatMap((one) => classTable(one)),
    '',
  ].join('\n');
}

/** mIoU of every network on every set, where there are several of both or one of many. */
function acrossDomains(results: readonly SegmentEvaluation[]): string[] {
  const tests = [...new Set(results.map(({ test }) => test))];
  if (tests.length < 2) return [];
  const names = [...new Set(results.map(({ checkpoint }) => checkpoint))];
  const at = (name: string, test: string) =>
    results.find((one) => one.checkpoint === name && one.test === test)?.mIoU;
  const rows = names.map((name) => [name, ...tests.map((test) => percent(at(name, test)))]);
  return ['', 'mIoU across domains', ...textTable([['checkpoint', ...tests], ...rows], new Set(tests))];
}

function classTable({ checkpoint, test, perClass }: SegmentEvaluation): string[] {
  const head = ['class', 'IoU', 'accuracy', 'precision', 'pixels'];
  const rows = perClass.map((one) => [
    one.class,
    ...[one.iou, one.accuracy, one.precision].map(percent),
    count(one.pixels),
  ]);
  return ['', `${checkpoint} on ${test}`, ...textTable([head, ...rows], new Set(head.slice(1)))];
}
