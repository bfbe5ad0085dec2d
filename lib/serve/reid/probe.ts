import type { transforms } from '../../data/index.ts';
import { fromBuffer, scope, type Tensor } from '../../tensor/index.ts';

/** Below it two features of the test image are those of different networks; batches and threads change far less. */
const LEAST = 0.999;
const [HEIGHT, WIDTH] = [128, 64];

/** The test image as a network takes it, (1, 3, H, W): waves of colours, the same always. */
export function probeInput(transform: transforms.Transform): Tensor {
  const pixels = new Uint8Array(3 * HEIGHT * WIDTH);
  for (let i = 0; i < pixels.length; i++) {
    const [channel, y, x] = [Math.floor(i / HEIGHT / WIDTH), Math.floor(i / WIDTH) % HEIGHT, i % WIDTH];
    pixels[i] = 127.5 + 127.5 * Math.sin((y * (channel + 1)) / 9 + (x * (3 - channel)) / 5);
  }
  return scope(() =>
    transform.forward(fromBuffer(pixels, { shape: [3, HEIGHT, WIDTH], dtype: 'uint8' }).clone()).unsqueeze(0),
  );
}

/** @throws RangeError where a network's feature of the test image is not the one that a gallery was made with */
export function checkProbe(found: Float32Array, expected: ArrayLike<number>): void {
  if (found.length !== expected.length) {
    throw new RangeError(
      `Expected a network with features of ${expected.length} numbers, as the gallery has, got one with ${found.length}`,
    );
  }
  const cosine = found.reduce((sum, value, i) => sum + value * (expected[i] as number), 0);
  if (cosine >= LEAST) return;
  throw new RangeError(
    'Expected the network that the gallery was made with, got another: their features of the test image have a cosine of ' +
      `${cosine.toFixed(3)}; extract all images again, into a new folder`,
  );
}
