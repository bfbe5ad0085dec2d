import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ten kinds of stripes that a network soon tells apart, in the files of Fashion-MNIST; `noise` is a share of pixels. */
export function writeStripes(folder: string, noise = 0): string {
  mkdirSync(folder, { recursive: true });
  let state = 1; // of a generator of Lehmer's
  const isFlipped = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647 < noise;
  };
  for (const [prefix, count] of [
    ['train', 320],
    ['t10k', 100],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const images = new Uint8Array(count * 784);
    for (let i = 0; i < images.length; i++) {
      const row = Math.floor(i / 28) % 28;
      const label = labels[Math.floor(i / 784)] as number;
      images[i] = (row % (label + 2) === 0) !== isFlipped() ? 255 : 0;
    }
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idx([count, 28, 28], images));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idx([count], labels));
  }
  return folder;
}

function idx(shape: number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [dim, side] of shape.entries()) header.writeUInt32BE(side, 4 + 4 * dim);
  return Buffer.concat([header, data]);
}
