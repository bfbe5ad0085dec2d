import { findImages } from '../../data/datasets/image-folder.ts';
import { loadData } from '../../reid/index.ts';
import { saveFeatures } from './features-file.ts';
import { type BatchedNetworkOptions, ReidNetwork, type ReidStreams, singleCheckpoint } from './network.ts';

/** Options of {@link extractReid}, as commander gives them. */
export interface ReidExtractOptions extends BatchedNetworkOptions {
  output: string;
  pattern?: string;
  normalize: boolean;
}

/** Writes the features of all images of a folder. What cannot be read ends it, and nothing is written. */
export async function extractReid(
  folder: string,
  options: ReidExtractOptions,
  streams: ReidStreams = process,
): Promise<void> {
  if (!options.output.endsWith('.safetensors')) {
    throw new RangeError(`Expected a name with .safetensors for --output, got ${options.output}`);
  }
  const checkpoint = singleCheckpoint('extract', options);
  const { paths, ids, cameras } = imagesOf(folder, options.pattern);
  const network = await ReidNetwork.load(checkpoint, options, streams.stderr);
  const features = await network.extract(paths, streams.stderr, options.normalize);
  network.dispose();
  const how = [options.flip ? 'flip' : '', options.normalize ? 'normalised' : ''].filter(
    (word) => word !== '',
  );
  saveFeatures(options.output, {
    features,
    names: paths.map((path) => path.slice(folder.length).replace(/^[\\/]/, '')),
    ids,
    cameras,
    network: [network.name, String(network.loaded), ...how].join('; '),
  });
  streams.stdout.write(`${paths.length} features of ${features.size(1)} numbers: ${options.output}\n`);
}

function imagesOf(folder: string, pattern: string | undefined) {
  if (pattern !== undefined) {
    const images = loadData('folder', folder, { pattern, gallery: '' }).gallery;
    return {
      paths: images.map(({ path }) => path),
      ids: images.map(({ id }) => String(id)),
      cameras: images.map(({ camera }) => String(camera)),
    };
  }
  const paths = findImages(folder);
  if (paths.length === 0) throw new RangeError(`Expected images in ${folder}, got none; check the path`);
  return { paths, ids: undefined, cameras: undefined };
}
