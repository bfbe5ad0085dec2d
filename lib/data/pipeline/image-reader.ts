import { setImmediate } from 'node:timers/promises';
import { empty, getRngState, keep, scope, setRngState, type Tensor } from '../../tensor/index.ts';
import { MAX_PIXELS, SLICE_MS } from '../image/pixels.ts';
import { type SampleContext, sampleContext } from '../sample-generator.ts';
import { Compose } from '../transforms/containers.ts';
import type { Step, Transform } from '../transforms/transform.ts';
import { decodeRecord } from './decode-record.ts';
import { ImageCrew } from './image-crew.ts';
import type { ImageRecord } from './image-record.ts';
import { images } from './native.ts';
import { draw, type ImagePlan, planOf } from './plan.ts';
import { rowsOf } from './rows.ts';
import type { Drawn, ImageSize } from './steps.ts';

/** How images are read. */
export interface ReaderSettings {
  readonly threads: number;
  /** Batches in page-locked memory. */
  readonly pinMemory: boolean;
  /** torch's base_seed: sample i draws from a generator seeded by it plus i. Null: one after the other, from the default one. */
  readonly seed: bigint | null;
}

/** An image, prepared or on its way. */
interface Entry<Sample> {
  readonly record: ImageRecord<Sample>;
  readonly context: SampleContext;
  /** Undefined where native code does not read it. */
  readonly size: ImageSize | undefined;
  /** What {@link decodeImage} gave where native code did not. */
  decoded?: Tensor;
  drawn?: readonly Drawn[];
  row?: Tensor;
  error?: unknown;
}

/** A sample, or why there is none. */
export type ReadSample<Sample> = { readonly sample: Sample } | { readonly error: unknown };

/** Whether native code reads images in this build; one that was compiled before this file asks for it does not. */
export function readsImages(): boolean {
  return (images.jpegLibrary?.() ?? '') !== '';
}

/**
 * Makes samples of image records: JPEG files are read, decoded and transformed on threads of its own, only the part that
 * a first crop leaves; other files, and those with faults, go through `decodeImage` and the transforms' operations. The
 * draws and the values are those of the operations either way.
 */
export class ImageReader {
  readonly #settings: ReaderSettings;
  #crew: ImageCrew | undefined;

  constructor(settings: ReaderSettings) {
    this.#settings = settings;
  }

  /** Whether records have one plan, and so may be read together. */
  fits(records: readonly ImageRecord<unknown>[]): boolean {
    const [first] = records;
    return records.every(({ transform }) => transform === first?.transform);
  }

  /**
   * Samples in the order of their records; `first` is the place of the first one in the epoch. Undefined, with the default
   * generator as it was, where they draw from that and an image turns out to be damaged: it must not have drawn.
   */
  async read<Sample>(
    records: readonly ImageRecord<Sample>[],
    first: number,
  ): Promise<ReadSample<Sample>[] | undefined> {
    const plan = planOf(records[0]?.transform);
    if (this.#settings.seed !== null) return await this.#readAll(records, first, plan);
    const began = keep(getRngState());
    try {
      const samples = await this.#readInTurn(records, plan);
      if (samples === undefined) setRngState(began);
      return samples;
    } finally {
      began.dispose();
    }
  }

  /** What the rest of the transform draws for an image comes before what the next one draws. */
  async #readInTurn<Sample>(
    records: readonly ImageRecord<Sample>[],
    plan: ImagePlan,
  ): Promise<ReadSample<Sample>[] | undefined> {
    if (plan.rest.length === 0) return await this.#readAll(records, 0, plan);
    const samples: ReadSample<Sample>[] = [];
    for (const record of records) {
      const read = await this.#readAll([record], 0, plan);
      if (read === undefined) return undefined;
      samples.push(...read);
    }
    return samples;
  }

  close(): void {
    this.#crew?.close();
    this.#crew = undefined;
  }

  async #readAll<Sample>(
    records: readonly ImageRecord<Sample>[],
    first: number,
    plan: ImagePlan,
  ): Promise<ReadSample<Sample>[] | undefined> {
    this.#crew ??= new ImageCrew(this.#settings.threads);
    const crew = this.#crew;
    const open = await crew.open(records.map(({ source }) => source));
    const entries = records.map((record, i): Entry<Sample> => {
      const { seed } = this.#settings;
      const context = sampleContext(seed === null ? null : seed + BigInt(first + i));
      return { record, context, size: sizeToRead(open.sizes[i], record) };
    });
    try {
      await this.#draw(entries, plan);
      this.#makeRows(entries, plan);
      const work = entries.map(({ size, drawn, row }) =>
        size === undefined || drawn === undefined || row === undefined
          ? undefined
          : { row, numbers: drawn.flatMap(({ numbers }) => numbers) },
      );
      const problems = await crew.prepare(open, work, plan.values);
      const isDamaged = problems.some((problem, i) => problem !== null && work[i] !== undefined);
      if (isDamaged && this.#settings.seed === null) return undefined;
      const others = entries.filter(
        (entry, i) => entry.row !== undefined && (entry.size === undefined || problems[i] !== null),
      );
      await Promise.all(others.map((entry) => fill(entry, plan)));
    } finally {
      images.dispose(open.handle);
    }
    return entries.map((entry) => finish(entry, plan));
  }

  /** In the order of the samples; gives way to the event loop every few milliseconds. */
  async #draw<Sample>(entries: readonly Entry<Sample>[], plan: ImagePlan): Promise<void> {
    const isAtOnce = this.#settings.seed !== null;
    if (isAtOnce) await Promise.all(entries.map(decodeWhereNeeded));
    let until = performance.now() + SLICE_MS;
    for (const entry of entries) {
      if (!isAtOnce) await decodeWhereNeeded(entry);
      const size = entry.size ?? sizeOf(entry.decoded);
      if (size === undefined) continue;
      attempt(entry, () => {
        entry.drawn = entry.context(() => draw(plan, size));
      });
      if (performance.now() < until) continue;
      await setImmediate();
      until = performance.now() + SLICE_MS;
    }
  }

  /** Rows of one tensor where the images get one size, else a tensor for each. */
  #makeRows<Sample>(entries: readonly Entry<Sample>[], plan: ImagePlan): void {
    const wanted = entries.filter(({ error }) => error === undefined);
    const sizes = wanted.map(finalSize);
    const [one] = sizes;
    if (one === undefined) return;
    const options = {
      dtype: plan.values === null ? 'uint8' : 'float32',
      ...(this.#settings.pinMemory ? { pinMemory: true } : {}),
    } as const;
    const isOne = sizes.every((size) => size.join() === one.join());
    const rows = isOne
      ? rowsOf(empty([sizes.length, 3, ...one], options))
      : sizes.map((size) => empty([3, ...size], options));
    for (const [i, entry] of wanted.entries()) entry.row = rows[i] as Tensor;
  }
}

/** Images over the limit of their record are left to {@link decodeRecord}, which refuses them. */
function sizeToRead(size: ImageSize | undefined, { maxPixels = MAX_PIXELS }: ImageRecord<unknown>) {
  return size === undefined || size[0] * size[1] > maxPixels ? undefined : size;
}

/** Transforms of other classes may keep what they see: nothing is freed for them. */
function applied(steps: readonly Step[], row: Tensor): Tensor {
  return new Compose(steps).forward(row);
}

function sizeOf(image: Tensor | undefined): ImageSize | undefined {
  return image === undefined ? undefined : [image.shape[1] as number, image.shape[2] as number];
}

function finalSize<Sample>({ drawn, size, decoded }: Entry<Sample>): ImageSize {
  return drawn?.at(-1)?.size ?? size ?? (sizeOf(decoded) as ImageSize);
}

function attempt<Sample>(entry: Entry<Sample>, work: () => void): void {
  try {
    work();
  } catch (error) {
    entry.error = error;
  }
}

async function decodeWhereNeeded<Sample>(entry: Entry<Sample>): Promise<void> {
  if (entry.size !== undefined) return;
  try {
    entry.decoded = await decodeRecord(entry.record);
  } catch (error) {
    entry.error = error;
  }
}

/** Fills a row by operations, for an image that native code did not read. */
async function fill<Sample>(entry: Entry<Sample>, plan: ImagePlan): Promise<void> {
  try {
    const image = entry.decoded ?? (await decodeRecord(entry.record));
    scope(() => {
      const placed = (entry.drawn ?? []).reduce((current, { apply }) => apply(current), image);
      const made = plan.pointwise.reduce<Tensor>(
        (current, step) => (step as Transform).forward(current),
        placed,
      );
      entry.row?.copy_(made);
    });
    image.dispose();
  } catch (error) {
    entry.error = error;
  }
}

/** The rest of the transform, and the sample. */
function finish<Sample>({ record, context, row, error }: Entry<Sample>, plan: ImagePlan): ReadSample<Sample> {
  if (error !== undefined || row === undefined) return failed(record, error);
  try {
    const image = plan.rest.length === 0 ? row : context(() => applied(plan.rest, row));
    return { sample: record.sample(image) };
  } catch (failure) {
    return failed(record, failure);
  }
}

function failed<Sample>(record: ImageRecord<Sample>, error: unknown): ReadSample<Sample> {
  if (record.failed === undefined || !(error instanceof Error)) return { error };
  try {
    return { sample: record.failed(error) };
  } catch (other) {
    return { error: other };
  }
}
