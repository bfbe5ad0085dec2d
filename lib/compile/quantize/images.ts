import { isTensor, scope, type Tensor } from '../../tensor/index.ts';

/** A batch of images, or an array that begins with one, as a `DataLoader` gives it. */
export type CalibrationBatch = Tensor | readonly [Tensor, ...unknown[]];

/** Images to calibrate with, (N, C, H, W) each. */
export type CalibrationImages = Tensor | Iterable<CalibrationBatch> | AsyncIterable<CalibrationBatch>;

const HOW = 'pass some hundred images as (N, C, H, W) tensors, prepared as run() takes them';

/** @throws TypeError unless it is a tensor or something to iterate over. */
export function checkCalibration(calibration: unknown): asserts calibration is CalibrationImages {
  const given = calibration as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  if (typeof given === 'object' && given !== null) {
    if (isTensor(given) || Symbol.iterator in given || Symbol.asyncIterator in given) return;
  }
  const got = calibration === null ? 'null' : typeof calibration;
  throw new TypeError(`Expected images for quantize calibration, got ${got}; ${HOW}`);
}

/** The batches one after another, each checked. The tensors stay the caller's. */
export async function* batchesOf(calibration: CalibrationImages): AsyncGenerator<Tensor> {
  let [count, shape]: [number, readonly number[] | undefined] = [0, undefined];
  const batches = isTensor(calibration) ? [calibration] : calibration;
  for await (const batch of batches as AsyncIterable<CalibrationBatch>) {
    const images = imagesOf(batch, count);
    shape ??= images.shape;
    checkBatch(images, count, shape);
    count += images.shape[0] as number;
    yield images;
  }
  if (count === 0) throw new RangeError(`Expected images for quantize calibration, got none; ${HOW}`);
}

function imagesOf(batch: unknown, index: number): Tensor {
  const images: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (isTensor(images)) return images;
  throw new TypeError(
    `Expected a Tensor for quantize calibration after image ${index}, got ${images === null ? 'null' : typeof images}`,
  );
}

function checkBatch(images: Tensor, index: number, expected: readonly number[]): void {
  const { dtype, device, shape } = images;
  const name = `quantize calibration after image ${index}`;
  if (dtype !== 'float32') {
    throw new TypeError(`Expected a float32 Tensor for ${name}, got ${dtype}; call x.to('float32') first`);
  }
  if (device !== 'cpu') {
    throw new RangeError(
      `Expected a Tensor on the CPU for ${name}, got one on ${device}; call x.cpu() first`,
    );
  }
  const fits = shape.length === 4 && shape.slice(1).join() === expected.slice(1).join();
  if (!fits || shape[0] === 0) {
    const wanted = expected.length === 4 ? expected.slice(1).join(', ') : 'C, H, W';
    throw new RangeError(`Expected shape [N, ${wanted}] for ${name}, got [${shape.join(', ')}]`);
  }
  const finite = scope(() => Number.isFinite(images.abs().sum().item() as number));
  if (!finite) throw new RangeError(`Expected finite numbers for ${name}, got NaN or an infinity`);
}
