import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { type Metric, type ReidData, type ReportImages, reportPage } from '../../reid/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { readFeatures } from './features-file.ts';
import { type BatchedNetworkOptions, ReidNetwork, type ReidStreams, singleCheckpoint } from './network.ts';
import { openTestSet } from './test-sets.ts';

/** Options of {@link reportReid}, as commander gives them. */
export interface ReidReportCommand extends Omit<BatchedNetworkOptions, 'checkpoint'> {
  checkpoint?: string[];
  test?: string;
  root: string;
  pattern?: string;
  query?: string;
  gallery?: string;
  queryImages?: string;
  galleryImages?: string;
  metric: Metric;
  lists: number;
  top: number;
  title?: string;
  output: string;
}

/** Writes a page about a retrieval: of two files of features, or of a checkpoint on a data set. */
export async function reportReid(options: ReidReportCommand, streams: ReidStreams = process): Promise<void> {
  const { metric, lists, top, output } = options;
  const { query, gallery, name } = await sidesOf(options, streams);
  const page = await reportPage({ query, gallery, metric, lists, top, title: options.title ?? name });
  writeAtomically(output, (sink) => sink(Buffer.from(page)));
  streams.stdout.write(`${output}\n`);
}

interface Sides {
  readonly query: ReportImages;
  readonly gallery: ReportImages;
  readonly name: string;
}

async function sidesOf(options: ReidReportCommand, streams: ReidStreams): Promise<Sides> {
  const { checkpoint, test, query, gallery } = options;
  if (query !== undefined && gallery !== undefined && checkpoint === undefined && test === undefined) {
    return {
      query: sideOf(query, options.queryImages),
      gallery: sideOf(gallery, options.galleryImages),
      name: `${query} in ${gallery}`,
    };
  }
  if (checkpoint !== undefined && test !== undefined && query === undefined && gallery === undefined)
    return computed(test, { ...options, checkpoint }, streams);
  const got = ['checkpoint', 'test', 'query', 'gallery'].filter(
    (name) => options[name as 'test'] !== undefined,
  );
  throw new RangeError(
    `Expected --query and --gallery, or --checkpoint and --test, for reid report, got ${got.length === 0 ? 'none' : got.map((name) => `--${name}`).join(', ')}`,
  );
}

function sideOf(path: string, folder: string | undefined): ReportImages {
  const { features, names, ids, cameras } = readFeatures(path);
  if (ids === undefined || cameras === undefined) {
    throw new RangeError(
      `Expected identities and cameras in ${path}, got none; extract with --pattern, such as "{id}_c{camera}s{}"`,
    );
  }
  const paths = folder === undefined ? {} : { paths: names.map((name) => join(folder, name)) };
  return { features, names, ids, cameras, ...paths };
}

async function computed(
  test: string,
  options: ReidReportCommand & BatchedNetworkOptions,
  streams: ReidStreams,
): Promise<Sides> {
  const { name, data } = openTestSet(test, options);
  const network = await ReidNetwork.load(singleCheckpoint('report', options), options, streams.stderr);
  const { query, gallery } = data;
  const features = await network.extract(
    [...query, ...gallery].map(({ path }) => path),
    streams.stderr,
  );
  network.dispose();
  return {
    query: sideFrom(query, features.narrow(0, 0, query.length)),
    gallery: sideFrom(gallery, features.narrow(0, query.length, gallery.length)),
    name: `${network.name} on ${name}`,
  };
}

const sideFrom = (images: ReidData['query'], features: Tensor): ReportImages => ({
  features,
  names: images.map(({ path }) => path.replace(/^.*[\\/]/, '')),
  paths: images.map(({ path }) => path),
  ids: images.map(({ id }) => id),
  cameras: images.map(({ camera }) => camera),
});
