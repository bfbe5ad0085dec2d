import type { CompiledModel } from '../../compile/index.ts';
import { decodeImage } from '../../data/index.ts';
import { functional as F, type Module } from '../../nn/index.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { noGrad, ops, scope, stack, Tensor } from '../../tensor/index.ts';
import { checkChoice, checkCount } from './checks.ts';
import { refuseNormalised } from './heads/pixels.ts';
import { LoadedReID } from './loaded.ts';

/** Options of {@link extract}. */
export interface ExtractOptions {
  /** Average the features of each image and its mirror image, as fast-reid's flip test. Default false. */
  flip?: boolean;
  /** Divide each feature by its length. Default false. */
  normalize?: boolean;
  /** Images at once. Default 64. */
  batchSize?: number;
  /** The network compiled by `compile(loaded.model, ...)`, to run in its place. */
  compiled?: CompiledModel<unknown>;
}

/** An image: a file's path, or a `uint8` RGB tensor (3, H, W). */
export type ReIDImage = string | URL | Tensor;

const OPTIONS = ['flip', 'normalize', 'batchSize', 'compiled'];

/**
 * Features of images: (N, D), float32, on the CPU. Images are prepared as the network's own code does, once: paths and
 * `uint8` tensors, one by one or as a batch (N, 3, H, W), go through `loaded.transform`; a float batch is taken as prepared, and
 * refused where its numbers cannot be: normalised ones for a network that normalises inside, pixels for one that does not.
 *
 * @throws RangeError for images that were prepared for another kind of network.
 * @example
 * const loaded = reid.load('resnet50_ibn_a_model_120.pth');
 * const features = await reid.extract(loaded, ['a.jpg', 'b.jpg'], { flip: true, normalize: true });
 */
export async function extract(
  loaded: LoadedReID,
  images: Tensor | Iterable<ReIDImage> | AsyncIterable<ReIDImage>,
  options: ExtractOptions = {},
): Promise<Tensor> {
  checkPositions('reid.extract', arguments, 3);
  checkOptions('reid.extract', options, OPTIONS);
  const { flip = false, normalize = false } = options;
  if (!(loaded instanceof LoadedReID)) {
    throw new TypeError(`Expected what reid.load gives for reid.extract, got ${describeValue(loaded)}`);
  }
  checkChoice('reid.extract', 'flip', flip, [true, false]);
  checkChoice('reid.extract', 'normalize', normalize, [true, false]);
  const batchSize = checkCount('reid.extract', 'batchSize', options.batchSize ?? 64);
  const run = runner(loaded, options.compiled);
  const found: Tensor[] = [];
  for await (const batch of oneAhead(batches(loaded, images, batchSize))) {
    found.push(await featuresOf(run, batch, flip, normalize));
    batch.dispose();
  }
  if (found.length === 0) throw new RangeError('Expected at least one image for reid.extract, got none');
  return scope(() => {
    const all = ops.aten.cat(found, 0);
    for (const part of found) part.dispose();
    return all;
  });
}

type Run = (x: Tensor) => Promise<Tensor>;

function runner(loaded: LoadedReID, compiled: CompiledModel<unknown> | undefined): Run {
  if (compiled !== undefined) return async (x) => (await compiled.run(x)) as Tensor;
  const { model } = loaded;
  if (model.training) {
    throw new RangeError('Expected a network in evaluation mode for reid.extract; call model.eval()');
  }
  const device = deviceOf(model);
  return async (x) =>
    noGrad(() => scope(() => (model.forward(x.to(device)) as Tensor).to('cpu').to('float32').contiguous()));
}

const deviceOf = (model: Module) => model.parameters()[0]?.device ?? 'cpu';

async function featuresOf(run: Run, batch: Tensor, flip: boolean, normalize: boolean): Promise<Tensor> {
  const plain = await run(batch);
  const mirrored = flip ? await runFlipped(run, batch) : undefined;
  const features = noGrad(() =>
    scope(() => {
      const mean = mirrored === undefined ? plain : ops.aten.div(ops.aten.add(plain, mirrored), 2);
      return normalize ? F.normalize(mean, { dim: 1 }) : mean;
    }),
  );
  for (const used of [plain, mirrored]) if (used !== undefined && used !== features) used.dispose();
  return features;
}

async function runFlipped(run: Run, batch: Tensor): Promise<Tensor> {
  const flipped = batch.flip([3]);
  try {
    return await run(flipped);
  } finally {
    flipped.dispose();
  }
}

async function* batches(
  loaded: LoadedReID,
  images: Tensor | Iterable<ReIDImage> | AsyncIterable<ReIDImage>,
  batchSize: number,
): AsyncGenerator<Tensor> {
  if (images instanceof Tensor) {
    checkBatch(loaded, images);
    for (let i = 0; i < images.size(0); i += batchSize) {
      const part = images.slice(0, i, Math.min(i + batchSize, images.size(0)));
      yield images.dtype === 'uint8' ? loaded.transform.forward(part) : part;
    }
    return;
  }
  let some: ReIDImage[] = [];
  for await (const image of images) {
    some.push(image);
    if (some.length < batchSize) continue;
    yield await preparedBatch(loaded, some);
    some = [];
  }
  if (some.length > 0) yield await preparedBatch(loaded, some);
}

/** Prepares the next batch while one is computed. */
async function* oneAhead(source: AsyncGenerator<Tensor>): AsyncGenerator<Tensor> {
  let next = source.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = source.next();
      next.catch(() => {}); // told when it is its turn
      yield value;
    }
  } finally {
    // Of a batch that nobody takes.
    next.then(
      ({ value }) => value?.dispose(),
      () => {},
    );
  }
}

/** Decoded side by side. */
async function preparedBatch(loaded: LoadedReID, images: readonly ReIDImage[]): Promise<Tensor> {
  const results = await Promise.allSettled(images.map((image) => prepare(loaded, image)));
  const prepared = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return stacked(prepared);
  for (const image of prepared) image.dispose();
  throw failed.reason;
}

function stacked(images: readonly Tensor[]): Tensor {
  const batch = stack([...images]);
  for (const image of images) image.dispose();
  return batch;
}

async function prepare(loaded: LoadedReID, image: ReIDImage): Promise<Tensor> {
  const pixels = image instanceof Tensor ? image : await decodeImage(image);
  if (pixels.dtype !== 'uint8' || pixels.dim() !== 3 || pixels.shape[0] !== 3) {
    throw new TypeError(
      `Expected uint8 images (3, H, W) for reid.extract, got ${pixels.dtype} [${pixels.shape}]`,
    );
  }
  try {
    return scope(() => loaded.transform.forward(pixels));
  } finally {
    if (pixels !== image) pixels.dispose();
  }
}

function checkBatch(loaded: LoadedReID, batch: Tensor): void {
  if (batch.dim() !== 4 || batch.shape[1] !== 3) {
    throw new RangeError(`Expected images (N, 3, H, W) for reid.extract, got [${batch.shape}]`);
  }
  if (batch.dtype === 'uint8' || batch.numel() === 0) return;
  const [low, high] = scope(() => [batch.min().item() as number, batch.max().item() as number]) as [
    number,
    number,
  ];
  const got = `numbers from ${low.toPrecision(3)} to ${high.toPrecision(3)}`;
  if (loaded.normalization === 'inside') refuseNormalised('reid.extract', low, high);
  else refusePixels(low, high, got);
}

/** What ImageNet's mean and deviation make of 0 and 1 lies between -2.12 and 2.64. */
function refusePixels(low: number, high: number, got: string): void {
  if (low >= -2.2 && high <= 2.7) return;
  throw new RangeError(
    `Expected images normalised with ImageNet's mean and deviation, got ${got}; give uint8 images, or use loaded.transform`,
  );
}
