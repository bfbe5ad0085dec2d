import { Gallery, type GalleryMatch } from '../../reid/index.ts';
import { type FeaturesFile, readFeatures } from './features-file.ts';
import { type BatchedNetworkOptions, ReidNetwork, type ReidStreams, singleCheckpoint } from './network.ts';

/** Options of {@link searchReid}, as commander gives them. */
export interface ReidSearchOptions extends BatchedNetworkOptions {
  gallery: string;
  top: number;
  camera?: string[];
  notCamera?: string[];
  json?: boolean;
}

/** Prints the images of a file of features that are most like each of some images. */
export async function searchReid(
  images: readonly string[],
  options: ReidSearchOptions,
  streams: ReidStreams = process,
): Promise<void> {
  const checkpoint = singleCheckpoint('search', options);
  const file = readFeatures(options.gallery);
  const network = await ReidNetwork.load(checkpoint, options, streams.stderr);
  const features = await network.extract(images, streams.stderr);
  network.dispose();
  const gallery = await galleryOf(file);
  for (const [index, path] of images.entries()) {
    const { matches } = await gallery.search(features.select(0, index), {
      k: options.top,
      ...(options.camera === undefined ? {} : { camera: options.camera }),
      ...(options.notCamera === undefined ? {} : { notCamera: options.notCamera }),
    });
    streams.stdout.write(options.json ? asJson(path, matches) : asText(path, matches));
  }
  await gallery.close();
}

async function galleryOf({ features, names, ids, cameras }: FeaturesFile): Promise<Gallery> {
  const width = features.size(1) as number;
  const values = features.to('float32').contiguous().data() as Float32Array;
  const gallery = await Gallery.open({ width });
  await gallery.enrol(
    names.map((id, index) => ({
      id,
      feature: values.subarray(index * width, (index + 1) * width),
      ...(ids === undefined ? {} : { identity: ids[index] as string }),
      ...(cameras === undefined ? {} : { camera: cameras[index] as string }),
    })),
  );
  return gallery;
}

function asJson(path: string, matches: readonly GalleryMatch[]): string {
  const list = matches.map(({ id, similarity, identity, camera }) => ({
    name: id,
    similarity,
    id: identity,
    camera,
  }));
  return `${JSON.stringify({ path, matches: list })}\n`;
}

function asText(path: string, matches: readonly GalleryMatch[]): string {
  const lines = matches.map(({ id, similarity, identity, camera }) => {
    const facts = [identity, camera === undefined ? undefined : `camera ${camera}`].filter(
      (fact) => fact !== undefined,
    );
    return `  ${similarity.toFixed(4)}  ${id}${facts.length === 0 ? '' : `  (${facts.join(', ')})`}`;
  });
  return `${path}\n${lines.join('\n')}\n`;
}
