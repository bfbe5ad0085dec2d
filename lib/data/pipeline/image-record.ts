import type { Tensor } from '../../tensor/index.ts';
import type { Transform } from '../transforms/transform.ts';

/** A part of a file: `length` bytes from `offset`. */
export interface FilePart {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** A sample that is made of one image. */
export interface ImageRecord<Sample> {
  /** Where the image's file is: a path, a part of a larger file, or its bytes. */
  readonly source: string | FilePart | Uint8Array;
  /** What errors call an image that has no path. */
  readonly name?: string;
  /** Applied to the decoded image, a `uint8` tensor (3, H, W). */
  readonly transform: Transform | undefined;
  /** The most pixels that are decoded. Default: that of `decodeImage`. */
  readonly maxPixels?: number;
  /** The sample, given the image that the transform made. It may be freed once its batch is made: keep a clone of it. */
  sample(image: Tensor): Sample;
  /** The sample in place of an image that cannot be read, or throws. By default the error ends the epoch, or is skipped. */
  failed?(error: Error): Sample;
}

/**
 * A data set whose samples are images with something beside them. A `DataLoader` asks such a data set for records in
 * place of samples and prepares the images itself, many at once, on threads of its own. Data sets of your own may have
 * the method too; `get` stays, and gives the same samples.
 */
export interface ImageDataset<Sample> {
  /** Undefined where this sample can only be had from `get`. */
  imageRecord(index: number): ImageRecord<Sample> | undefined;
}

/** The record of a sample, where its data set has one. */
export function recordOf<Sample>(dataset: object, index: number): ImageRecord<Sample> | undefined {
  const { imageRecord } = dataset as Partial<ImageDataset<Sample>>;
  return typeof imageRecord === 'function' ? imageRecord.call(dataset, index) : undefined;
}

/** The records of samples, or undefined where the data set has none for one of them. */
export function recordsOf<Sample>(
  dataset: object,
  indices: readonly number[],
): ImageRecord<Sample>[] | undefined {
  const records: ImageRecord<Sample>[] = [];
  for (const index of indices) {
    const record = recordOf<Sample>(dataset, index);
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records;
}
