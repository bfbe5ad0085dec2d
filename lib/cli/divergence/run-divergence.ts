import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import * as checkpoint from '../../checkpoint/index.ts';
import { datasets, decodeImage, transforms } from '../../data/index.ts';
import { fetchFile } from '../../hub/fetch.ts';
import { weights } from '../../hub/weights.ts';
import * as models from '../../models/index.ts';
import { barPlot, plotSvg } from '../../plot/index.ts';
import * as studies from '../../studies/index.ts';
import { scope, stack, type Tensor } from '../../tensor/index.ts';
import { textTable } from '../../text-table.ts';
import type { TrainStreams } from '../train/train.ts';

/** Options of {@link divergenceOf}, as commander gives them. */
export interface DivergenceCommandOptions {
  a: string;
  b: string;
  model: string[];
  layers?: string[];
  resize: number;
  crop: number;
  batchSize: number;
  limit?: number;
  json?: boolean;
  output?: string;
}

/** The divergence of two folders in one network, by depth. */
export interface NetworkDivergence {
  readonly network: string;
  readonly features: readonly {
    readonly feature: string;
    readonly divergence: number | null;
    readonly dead: number;
  }[];
}

/** Measures how far two folders of images are apart in each feature of each network. */
export async function divergenceOf(
  options: DivergenceCommandOptions,
  streams: TrainStreams = process,
): Promise<void> {
  const { a, b, limit = Number.POSITIVE_INFINITY } = options;
  const [first, second] = [a, b].map((folder) => imagesIn(folder, limit)) as [string[], string[]];
  const networks: NetworkDivergence[] = [];
  for (const text of options.model) networks.push(await measured(text, first, second, options));
  const result = {
    a: { folder: a, images: first.length },
    b: { folder: b, images: second.length },
    networks,
  };
  if (options.output !== undefined) await writeResults(options.output, result);
  streams.stdout.write(options.json ? `${JSON.stringify(result)}\n` : asText(networks));
}

function imagesIn(folder: string, limit: number): string[] {
  const found = datasets.findImages(folder);
  if (found.length >= 2) return found.slice(0, limit);
  throw new RangeError(`Expected at least 2 images in ${folder}, got ${found.length}`);
}

/** `NAME` with published weights, or `NAME=CHECKPOINT`. */
async function measured(
  text: string,
  first: readonly string[],
  second: readonly string[],
  options: DivergenceCommandOptions,
): Promise<NetworkDivergence> {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const model = models.getModel(name);
  const file = at < 0 ? await fetchFile(weights(name).url) : text.slice(at + 1);
  checkpoint.loadInto(model, file, { stripPrefix: 'auto', ignoreMismatched: ['fc.', 'classifier.'] });
  model.eval();
  const names = options.layers ?? studies.depthFeatures(model);
  const inA = await studies.featureMoments(model, batches(first, options), names);
  const inB = await studies.featureMoments(model, batches(second, options), names);
  const features = names.map((feature) => {
    const pair = [inA.get(feature), inB.get(feature)] as [studies.ChannelMoments, studies.ChannelMoments];
    const { value, dead } = studies.divergence(...pair);
    return { feature, divergence: value, dead };
  });
  model.dispose();
  return { network: text, features };
}

async function* batches(
  paths: readonly string[],
  { resize, crop, batchSize }: DivergenceCommandOptions,
): AsyncGenerator<Tensor> {
  const transform = transforms.imagenetEval({ resize, crop });
  for (let at = 0; at < paths.length; at += batchSize) {
    const images = await Promise.all(paths.slice(at, at + batchSize).map((path) => decodeImage(path)));
    yield scope(() => {
      const prepared = images.map((image) => transform.forward(image));
      const batch = stack(prepared);
      for (const image of images) image.dispose();
      return batch;
    });
  }
}

interface Result {
  readonly networks: readonly NetworkDivergence[];
}

async function writeResults(folder: string, result: Result): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) =>
    writeAtomically(join(folder, name), (sink) => sink(Buffer.from(text)));
  write('divergence.json', `${JSON.stringify(result, null, 1)}\n`);
  const rows = result.networks.flatMap(({ network, features }) =>
    features.map(({ feature, divergence, dead }) => [network, feature, divergence ?? '', dead].join(',')),
  );
  write('divergence.csv', `${['network,feature,divergence,dead', ...rows].join('\n')}\n`);
  const bars = result.networks.flatMap(({ network, features }) =>
    features.flatMap(({ divergence }, i) =>
      divergence === null
        ? []
        : [{ group: String(i + 1).padStart(2, '0'), name: network, value: divergence }],
    ),
  );
  const spec = barPlot(bars, {
    title: 'Feature divergence',
    x: 'feature, by depth',
    y: 'divergence',
    width: 640,
  });
  write('divergence.svg', await plotSvg(spec));
}

function asText(networks: readonly NetworkDivergence[]): string {
  return networks
    .flatMap(({ network, features }) => {
      const head = ['feature', 'divergence', 'dead channels'];
      const rows = features.map(({ feature, divergence, dead }) => [
        feature,
        divergence === null ? '-' : divergence.toFixed(4),
        String(dead),
      ]);
      return [network, ...textTable([head, ...rows], new Set(head.slice(1))), ''];
    })
    .join('\n');
}
