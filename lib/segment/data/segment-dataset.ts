import { checkIndex, checkTransform, type Dataset } from '../../data/datasets/dataset.ts';
import { ImageError } from '../../data/errors.ts';
import { decodeImage } from '../../data/image.ts';
import { labelPixels } from '../../data/labels.ts';
import { Resize } from '../../data/transforms/index.ts';
import type { Step } from '../../data/transforms/transform.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { fromOwnBytes } from '../../tensor/own-bytes.ts';
import { IGNORED, UNKNOWN } from './classes.ts';
import type { SegmentData } from './segment-data.ts';

/** An image (3, H, W), `uint8` or as the transform makes it, and its classes (H, W), int64. */
export type SegmentSample = [image: Tensor, mask: Tensor];

/** Options of {@link SegmentDataset}. */
export interface SegmentDatasetOptions {
  /** Steps for image and mask together: `segment.trainTransform`, `segment.evalTransform`, or any that take `{ image, mask }`. */
  transform?: Step;
}

function checkData(data: SegmentData): void {
  const { pairs, size } = (data ?? {}) as Partial<SegmentData>;
  if (Array.isArray(pairs) && size !== undefined) return;
  throw new TypeError(`Expected what segment.loadData gives for SegmentDataset, got ${describeValue(data)}`);
}

/**
 * The images of a data set with their masks as classes, for a `DataLoader`.
 *
 * @throws ImageError from `get` for a file that is missing or damaged, a mask of another size than its image
 *   (`ERR_IMAGE_MISMATCH`), and labels that are none of the data set's (`ERR_IMAGE_LABELS`)
 * @example
 * const data = segment.loadData('cityscapes', 'data/cityscapes', { split: 'train' });
 * const images = new segment.SegmentDataset(data, { transform: segment.trainTransform({ crop: 768 }) });
 * for await (const [image, mask] of new DataLoader(images, { batchSize: 4, shuffle: true })) console.log(image.shape);
 */
export class SegmentDataset implements Dataset<SegmentSample> {
  readonly data: SegmentData;
  readonly #transform: Step | undefined;
  readonly #resize: Resize | undefined;

  constructor(data: SegmentData, options: SegmentDatasetOptions = {}) {
    checkPositions('SegmentDataset', arguments, 2);
    checkOptions('SegmentDataset', options, ['transform']);
    checkTransform('SegmentDataset', options.transform);
    checkData(data);
    this.data = data;
    this.#transform = options.transform;
    this.#resize = data.size === null ? undefined : new Resize([...data.size]);
  }

  get length(): number {
    return this.data.pairs.length;
  }

  async get(index: number): Promise<SegmentSample> {
    checkIndex(index, this.length, 'SegmentDataset');
    const { image, mask } = await this.#read(index);
    return scope(() => {
      const sized = this.#resize === undefined ? { image, mask } : this.#resize.forward({ image, mask });
      const transform = this.#transform?.forward as ((sample: object) => typeof sized) | undefined;
      const made = transform === undefined ? sized : transform.call(this.#transform, sized);
      for (const one of [image, mask]) if (one !== made.image && one !== made.mask) one.dispose();
      return [made.image, made.mask.to('int64')];
    });
  }

  async #read(index: number): Promise<{ image: Tensor; mask: Tensor }> {
    const { image: path, mask: maskPath } = this.data.pairs[index] as { image: string; mask: string };
    const [image, labels] = await Promise.all([decodeImage(path), labelPixels(maskPath)]);
    const [, height, width] = image.shape;
    if (height !== labels.height || width !== labels.width) {
      image.dispose();
      throw new ImageError(
        `${maskPath}: Expected a mask of ${width}x${height} pixels, as ${path} has, got ${labels.width}x${labels.height}; leave the pair out`,
        { code: 'ERR_IMAGE_MISMATCH', path: maskPath },
      );
    }
    const classes = this.#classesOf(labels.data, maskPath);
    return { image, mask: fromOwnBytes(classes, 'uint8', [labels.height, labels.width]) };
  }

  /** In place. */
  #classesOf(bytes: Uint8Array, path: string): Uint8Array {
    const { mapping, name, classes } = this.data;
    for (let i = 0; i < bytes.length; i++) {
      const label = mapping[bytes[i] as number] as number;
      if (label === UNKNOWN) {
        const known = name === 'folder' ? `0 to ${classes.length - 1} and ${IGNORED}` : `of ${name}`;
        throw new ImageError(`${path}: Expected labels ${known}, got ${bytes[i]}`, {
          code: 'ERR_IMAGE_LABELS',
          path,
        });
      }
      bytes[i] = label;
    }
    return bytes;
  }
}
