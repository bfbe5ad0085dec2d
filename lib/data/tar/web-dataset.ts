import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { checkFunction, checkOptions, checkPositions, checkText, checkTexts } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkIndex, checkTransform, type Dataset } from '../datasets/dataset.ts';
import { DatasetError } from '../errors.ts';
import { fsEncode } from '../fs-path.ts';
import { IMAGE_EXTENSIONS } from '../image-extensions.ts';
import { decodeRecord } from '../pipeline/decode-record.ts';
import type { ImageDataset, ImageRecord } from '../pipeline/image-record.ts';
import type { Transform } from '../transforms/transform.ts';
import { expandBraces } from './expand-braces.ts';
import { indexTar } from './header-index.ts';
import type { TarEntry } from './tar-entry.ts';

/** The files of one sample: those that stand together in a shard and have one name up to its first dot. */
export interface TarSample {
  /** WebDataset's `__key__`: the path up to that dot. */
  readonly key: string;
  readonly shard: string;
  /** By what follows the dot, in lower case: `jpg`, `cls`, `seg.png`. */
  readonly files: ReadonlyMap<string, TarEntry>;
}

/** Makes the target of a sample; `read('json')` gives the bytes of its file with that ending. */
export type TargetOf<Target> = (read: (ending: string) => Buffer, sample: TarSample) => Target;

/** Options of {@link WebDataset}. */
export interface WebDatasetOptions<Target> {
  /** Applied to each decoded image, a `uint8` tensor (3, H, W). */
  transform?: Transform;
  /** Endings of the image, the first that a sample has is taken. Default those of `ImageFolder`. */
  image?: readonly string[];
  /** Makes the target of a sample's other files. Default the number in `cls`. */
  target?: TargetOf<Target>;
}

/**
 * Images in tar files, in WebDataset's layout: files of one sample stand together and have one name, `0001.jpg` and
 * `0001.cls`. The headers are read at the start, so that samples have numbers: they are shuffled, split and gone on with
 * as any others, and only what is asked for is read. For shards that come over a network see {@link tarSamples}.
 *
 * @example
 * const data = await datasets.WebDataset.open('train-{0000..0146}.tar', { transform: transforms.imagenetTrain() });
 * const loader = new DataLoader(data, { batchSize: 32, shuffle: true, numWorkers: 4 });
 */
export class WebDataset<Target = number>
  implements Dataset<[image: Tensor, target: Target]>, ImageDataset<[image: Tensor, target: Target]>
{
  readonly shards: readonly string[];
  readonly samples: readonly TarSample[];
  readonly #transform: Transform | undefined;
  readonly #image: readonly string[];
  readonly #target: TargetOf<Target>;

  private constructor(
    shards: readonly string[],
    samples: readonly TarSample[],
    options: WebDatasetOptions<Target>,
  ) {
    this.shards = shards;
    this.samples = samples;
    this.#image = (options.image ?? IMAGE_EXTENSIONS).map((ending) =>
      ending.toLowerCase().replace(/^\./, ''),
    );
    for (const sample of samples) this.#imageOf(sample);
    this.#transform = options.transform;
    this.#target = options.target ?? (classOf as TargetOf<unknown> as TargetOf<Target>);
  }

  /**
   * Reads the headers of shards.
   *
   * @param shards paths; `{0000..0146}` stands for all numbers between
   * @throws DatasetError for shards that are missing or damaged, and for samples without an image
   */
  static async open<Target = number>(
    shards: string | readonly string[],
    options: WebDatasetOptions<Target> = {},
  ): Promise<WebDataset<Target>> {
    checkPositions('WebDataset.open', arguments, 2);
    checkOptions('WebDataset', options, ['transform', 'image', 'target']);
    checkTransform('WebDataset', options.transform);
    if (options.image !== undefined) checkTexts('WebDataset image', 'endings', options.image);
    if (options.target !== undefined) checkFunction('WebDataset target', options.target);
    const paths = shardsOf(shards);
    const tar = await import('tar'); // loaded here: most programs read none
    const samples: TarSample[] = [];
    for (const shard of paths) {
      samples.push(...samplesOf(shard, indexTar(shard, tar)));
      await setImmediate();
    }
    return new WebDataset<Target>(paths, samples, options);
  }

  get length(): number {
    return this.samples.length;
  }

  async get(index: number): Promise<[image: Tensor, target: Target]> {
    const record = this.imageRecord(index);
    const image = await decodeRecord(record);
    const prepared = this.#transform?.forward(image) ?? image;
    if (prepared !== image) image.dispose();
    return record.sample(prepared);
  }

  /** For a `DataLoader`, which reads and prepares the images itself. */
  imageRecord(index: number): ImageRecord<[image: Tensor, target: Target]> {
    checkIndex(index, this.length, 'WebDataset');
    const sample = this.samples[index] as TarSample;
    const { path, offset, length } = this.#imageOf(sample);
    return {
      source: { path: sample.shard, offset, length },
      name: `${sample.shard}: ${path}`,
      transform: this.#transform,
      sample: (image) => [image, this.#target((ending) => readFile(sample, ending), sample)],
    };
  }

  #imageOf({ files, key, shard }: TarSample): TarEntry {
    const ending = this.#image.find((each) => files.has(each));
    const found = ending === undefined ? undefined : files.get(ending);
    if (found !== undefined && found.length > 0) return found;
    throw new DatasetError(
      `Expected an image (${this.#image.join(', ')}) for the sample ${key} of ${shard}, got ${[...files.keys()].join(', ')}`,
      { code: 'ERR_DATASET_NO_IMAGE', path: shard },
    );
  }
}

function shardsOf(shards: string | readonly string[]): string[] {
  if (typeof shards === 'string') return expandBraces(shards);
  checkTexts('WebDataset shards', 'paths', shards);
  for (const shard of shards) checkText('WebDataset shards', 'a path', shard);
  return shards.flatMap(expandBraces);
}

/** WebDataset's `base_plus_ext`: the name ends at its first dot; files without one belong to no sample. */
export function splitName(path: string): [key: string, ending: string] | undefined {
  const match = /^((?:.*\/|)[^./][^/.]*)\.([^/]*)$/s.exec(path);
  return match === null ? undefined : [match[1] as string, (match[2] as string).toLowerCase()];
}

function samplesOf(shard: string, entries: readonly TarEntry[]): TarSample[] {
  const samples: { key: string; shard: string; files: Map<string, TarEntry> }[] = [];
  for (const entry of entries) {
    const name = splitName(entry.path);
    if (name === undefined) continue;
    const [key, ending] = name;
    if (samples.at(-1)?.key !== key) samples.push({ key, shard, files: new Map() });
    const { files } = samples.at(-1) as { files: Map<string, TarEntry> };
    if (files.has(ending)) {
      throw new DatasetError(`Expected one ${entry.path} in ${shard}, got two in one sample`, {
        code: 'ERR_DATASET_DAMAGED',
        path: shard,
      });
    }
    files.set(ending, entry);
  }
  return samples;
}

function readFile({ shard, files, key }: TarSample, ending: string): Buffer {
  const entry = files.get(ending);
  if (entry === undefined) {
    throw new DatasetError(
      `Expected a file ${key}.${ending} in ${shard}, got ${[...files.keys()].join(', ')}; pass { target }`,
      { code: 'ERR_DATASET_NO_TARGET', path: shard },
    );
  }
  const bytes = Buffer.alloc(entry.length);
  const file = openSync(fsEncode(shard), 'r');
  try {
    readSync(file, bytes, 0, entry.length, entry.offset);
  } finally {
    closeSync(file);
  }
  return bytes;
}

function classOf(read: (ending: string) => Buffer, { key, shard }: TarSample): number {
  const text = read('cls').toString('utf8').trim();
  if (/^\d+$/.test(text)) return Number(text);
  throw new DatasetError(`Expected a whole number in ${key}.cls of ${shard}, got "${text.slice(0, 40)}"`, {
    code: 'ERR_DATASET_NO_TARGET',
    path: shard,
  });
}
