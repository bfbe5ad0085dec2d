import { checkIndex, checkTransform, type Dataset } from '../../data/datasets/dataset.ts';
import { decodeImage } from '../../data/image.ts';
import type { Transform } from '../../data/transforms/transform.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';

/** Options of {@link ReidImages}. */
export interface ReidImagesOptions {
  /** Applied to each decoded image, a uint8 tensor (3, H, W). */
  transform?: Transform;
}

/**
 * The images of a list as a data set for a `DataLoader`: `[image, index]`. What else is known of an image stands in the list.
 *
 * @example
 * const queries = new reid.ReidImages(market.query, { transform });
 */
export class ReidImages implements Dataset<[image: Tensor, index: number]> {
  readonly images: readonly { readonly path: string }[];
  readonly #transform: Transform | undefined;

  constructor(images: readonly { readonly path: string }[], options: ReidImagesOptions = {}) {
    checkPositions('ReidImages', arguments, 2);
    checkOptions('ReidImages', options, ['transform']);
    checkTransform('ReidImages', options.transform);
    if (!Array.isArray(images) || !images.every((image) => typeof image?.path === 'string')) {
      throw new TypeError(
        `Expected an array of images with a path each for ReidImages, got ${describeValue(images)}`,
      );
    }
    this.images = images;
    this.#transform = options.transform;
  }

  get length(): number {
    return this.images.length;
  }

  async get(index: number): Promise<[image: Tensor, index: number]> {
    checkIndex(index, this.length, 'ReidImages');
    const image = await decodeImage((this.images[index] as { path: string }).path);
    if (this.#transform === undefined) return [image, index];
    const prepared = this.#transform.forward(image);
    if (prepared !== image) image.dispose();
    return [prepared, index];
  }
}
