import type { Sliced } from './pixels.ts';
import { truncated } from './unreadable.ts';

/**
 * Expands run lengths to one index a byte, rows in the file's order, as Pillow's BmpRleDecoder (12.3): what is skipped
 * has index 0, what exceeds a row by a run is cut, what exceeds it otherwise goes on in the next.
 */
export function* decodeBmpRle(
  data: Uint8Array,
  bits: 4 | 8,
  { offset, width, height }: { offset: number; width: number; height: number },
): Sliced<Uint8Array> {
  const indices = new Uint8Array(width * height);
  let at = offset; // in data, the whole file
  let to = 0; // in indices
  let x = 0;
  while (to < indices.length && at + 1 < data.length) {
    const count = data[at++] as number;
    const value = data[at++] as number;
    if (count > 0) {
      const taken = Math.min(count, Math.max(0, width - x));
      fillRun(indices, to, taken, value, bits);
      to += taken;
      x += taken;
    } else if (value === 0) {
      to = Math.ceil(to / width) * width;
      x = 0;
      yield;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      if (at + 1 >= data.length) break;
      to += (data[at] as number) + (data[at + 1] as number) * width;
      at += 2;
      x = to % width;
      yield;
    } else {
      const bytes = bits === 4 ? value >> 1 : value;
      if (at + bytes > data.length) break;
      copyLiteral(data.subarray(at, at + bytes), indices, to, bits);
      to += bits === 4 ? 2 * bytes : bytes;
      x += value;
      at += bytes;
      at += at & 1;
    }
  }
  // An image that ends early is an error in Pillow too.
  if (to < indices.length) throw truncated();
  return indices;
}

function fillRun(indices: Uint8Array, to: number, count: number, value: number, bits: 4 | 8): void {
  if (bits === 8) indices.fill(value, to, to + count);
  else for (let i = 0; i < count; i++) indices[to + i] = i % 2 === 0 ? value >> 4 : value & 15;
}

function copyLiteral(bytes: Uint8Array, indices: Uint8Array, to: number, bits: 4 | 8): void {
  for (const [i, byte] of bytes.entries()) {
    // Writes past the end are dropped by the array.
    if (bits === 8) indices[to + i] = byte;
    else {
      indices[to + 2 * i] = byte >> 4;
      indices[to + 2 * i + 1] = byte & 15;
    }
  }
}
