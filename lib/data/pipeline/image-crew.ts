import type { Handle } from '../../binding.ts';
import { unwrap } from '../../ops/index.ts';
import { scope, type Tensor, tensor } from '../../tensor/index.ts';
import { fsEncode } from '../fs-path.ts';
import type { ImageRecord } from './image-record.ts';
import { images } from './native.ts';
import type { ImageSize } from './steps.ts';

type Result = (number | string | null)[];
type Source = ImageRecord<unknown>['source'];

/** Images whose files are read. */
export interface OpenImages {
  readonly handle: Handle;
  /** Undefined for what native code does not read. */
  readonly sizes: readonly (ImageSize | undefined)[];
}

/** What shall become of an image that is open. */
export interface RowWork {
  /** (3, H, W), contiguous; filled. */
  readonly row: Tensor;
  readonly numbers: readonly number[];
}

/** Threads that read, decode and transform images, off the event loop. Of one environment, until it is closed. */
export class ImageCrew {
  readonly #handle: Handle;
  readonly #waiting = new Map<number, (result: Result) => void>();
  #last = 0;

  constructor(threads: number) {
    this.#handle = images.imagesCreate(threads, (id, result) => this.#settle(id, result));
  }

  async open(sources: readonly Source[]): Promise<OpenImages> {
    const id = ++this.#last;
    const handle = images.imagesOpen(this.#handle, id, sources.map(nativeSource));
    const numbers = (await this.#result(id)) as number[];
    const sizes = sources.map((_, i): ImageSize | undefined => {
      const [height, width] = [numbers[2 * i] as number, numbers[2 * i + 1] as number];
      return height > 0 ? [height, width] : undefined;
    });
    return { handle, sizes };
  }

  /** Fills rows; undefined leaves an image out. Gives for each why it could not be read, or null. */
  async prepare(
    { handle }: OpenImages,
    work: readonly (RowWork | undefined)[],
    values: Float32Array | null,
    scale = 8,
  ): Promise<(string | null)[]> {
    const rows = work.map((each) => (each === undefined ? null : unwrap(each.row)));
    const id = ++this.#last;
    scope(() => {
      const table = values === null ? null : unwrap(tensor(values)); // copied natively
      images.imagesPrepare(this.#handle, id, handle, rows, recipesOf(work, scale), table);
    });
    return (await this.#result(id)) as (string | null)[];
  }

  /** Ends the threads. What waits for them is never settled. */
  close(): void {
    images.imagesClose(this.#handle);
    this.#waiting.clear();
  }

  #result(id: number): Promise<Result> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #settle(id: number, result: Result): void {
    this.#waiting.get(id)?.(result);
    this.#waiting.delete(id);
  }
}

function nativeSource(source: Source): Uint8Array | [path: string | Buffer, offset: number, length: number] {
  if (typeof source === 'string') return [fsEncode(source), 0, 0];
  return source instanceof Uint8Array ? source : [fsEncode(source.path), source.offset, source.length];
}

/** Eighths, the number of steps, and five numbers for each. */
function recipesOf(work: readonly (RowWork | undefined)[], scale: number): Int32Array {
  return Int32Array.from(
    work.flatMap((each) => (each === undefined ? [] : [scale, each.numbers.length / 5, ...each.numbers])),
  );
}
