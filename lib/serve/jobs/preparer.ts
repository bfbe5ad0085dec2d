import { formatOf } from '../../data/image/format.ts';
import type { transforms } from '../../data/index.ts';
import { ImageReader } from '../../data/pipeline/image-reader.ts';
import { batchOfRows } from '../../data/pipeline/rows.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { ImageFormatName, ServeLimits } from '../options.ts';
import { RequestError } from '../request-error.ts';

/** An image as it came. */
export interface ReceivedImage {
  readonly bytes: Uint8Array;
  /** What errors call it. */
  readonly name: string;
}

/** Makes inputs of images: JPEG files on threads of their own, other formats decoded off the event loop. */
export class Preparer {
  readonly #reader: ImageReader;
  readonly #limits: Required<ServeLimits>;

  constructor(threads: number, limits: Required<ServeLimits>) {
    this.#reader = new ImageReader({ threads, pinMemory: false, seed: 0n });
    this.#limits = limits;
  }

  /** (1, C, H, W) of an image. @throws ImageError, RequestError for what is no image that is taken */
  async prepare({ bytes, name }: ReceivedImage, transform: transforms.Transform): Promise<Tensor> {
    this.#checkFormat(bytes, name);
    const record = {
      source: bytes,
      name,
      transform,
      maxPixels: this.#limits.pixels,
      sample: (image: Tensor) => image,
    };
    const [read] = (await this.#reader.read([record], 0)) ?? [];
    if (read === undefined) throw new Error(`Expected an image or an error for ${name}, got neither`);
    if ('error' in read) throw read.error;
    return batchOfRows([read.sample]) ?? withBatch(read.sample);
  }

  close(): void {
    this.#reader.close();
  }

  #checkFormat(bytes: Uint8Array, name: string): void {
    const { formats } = this.#limits;
    const format = formatName(bytes);
    if (format === undefined || formats.includes(format)) return;
    throw new RequestError(
      415,
      'ERR_IMAGE_UNSUPPORTED',
      `Expected ${formats.join(', ')} for ${name}, got ${format}; convert it`,
    );
  }
}

/** Undefined for what is no image: its decoder says more of it. */
function formatName(bytes: Uint8Array): ImageFormatName | undefined {
  try {
    const format = formatOf(bytes);
    return format === 'DIB' ? 'BMP' : format;
  } catch {
    return undefined;
  }
}

function withBatch(image: Tensor): Tensor {
  const batch = image.unsqueeze(0);
  image.dispose();
  return batch;
}
