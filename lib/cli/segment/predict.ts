import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { datasets, decodeImage, writePng } from '../../data/index.ts';
import * as segment from '../../segment/index.ts';
import { scope } from '../../tensor/index.ts';
import { isFolder } from '../is-folder.ts';
import type { TrainStreams } from '../train/train.ts';
import { SegmentNetwork, type SegmentNetworkOptions } from './network.ts';

/** Options of {@link predictSegment}, as commander gives them. */
export interface SegmentPredictOptions extends SegmentNetworkOptions {
  checkpoint: string;
  output: string;
  overlay?: true | number;
}

/** Writes NAME_labels.png (numbers of classes, gray), NAME_colours.png, and on request NAME_overlay.png for each image. */
export async function predictSegment(
  paths: readonly string[],
  options: SegmentPredictOptions,
  { stdout, stderr }: TrainStreams = process,
): Promise<void> {
  const images = paths.flatMap((path) => (isFolder(path) ? datasets.findImages(path) : [path]));
  const names = namesOf(images);
  const network = SegmentNetwork.load(options.checkpoint, options, stderr);
  const { numClasses, classes } = network.loaded;
  const isCityscapes = numClasses === segment.CITYSCAPES_CLASSES.length;
  const colours = isCityscapes ? segment.CITYSCAPES_COLOURS : segment.classColours(numClasses);
  mkdirSync(options.output, { recursive: true });
  for (const [i, path] of images.entries()) {
    const shares = await predictOne(
      network,
      path,
      join(options.output, names[i] as string),
      colours,
      options,
    );
    const called = classes ?? (isCityscapes ? segment.CITYSCAPES_CLASSES : undefined);
    const most = shares.map(([label, share]) => `${called?.[label] ?? label} ${(100 * share).toFixed(0)} %`);
    stdout.write(`${path}: ${most.join(', ')}\n`);
  }
  network.dispose();
}

/** Two images of the same name would overwrite each other's files. */
function namesOf(images: readonly string[]): string[] {
  const names = images.map((path) => basename(path).replace(/\.[^.]+$/, ''));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  throw new RangeError(`Expected images of different names for segment predict, got two called "${twice}"`);
}

/** The largest classes, with their shares of the pixels. */
async function predictOne(
  network: SegmentNetwork,
  path: string,
  place: string,
  colours: readonly segment.Colour[],
  options: SegmentPredictOptions,
): Promise<[label: number, share: number][]> {
  const image = await decodeImage(path);
  const input = scope(() => network.loaded.transform.forward(image).unsqueeze(0));
  const found = await network.labels(input);
  const { labels, painted, over, counts } = scope(() => {
    const flat = found.squeeze(0);
    const painted = segment.colourMap(flat, colours);
    const over =
      options.overlay === undefined ? undefined : segment.overlay(image, painted, shareOf(options));
    const counts = flat.flatten().bincount(null, colours.length).toArray<number[]>().map(Number);
    return { labels: flat.to('uint8').unsqueeze(0), painted, over, counts };
  });
  await writePng(labels, `${place}_labels.png`);
  await writePng(painted, `${place}_colours.png`);
  if (over !== undefined) await writePng(over, `${place}_overlay.png`);
  const pixels = found.numel();
  for (const one of [image, input, found, labels, painted, over]) one?.dispose();
  const shares = counts.map((value, label): [number, number] => [label, value / pixels]);
  return shares.sort(([, a], [, b]) => b - a).filter(([, share], i) => i < 3 && share > 0);
}

const shareOf = ({ overlay }: SegmentPredictOptions): number =>
  overlay === true ? 0.5 : (overlay as number);
