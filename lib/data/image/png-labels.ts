import { promisify } from 'node:util';
import { crc32, inflate } from 'node:zlib';
import { checkSize } from './pixels.ts';
import { truncated, Unreadable, unsupported } from './unreadable.ts';

/** Numbers of pixels: rows from the top, one byte each. */
export interface LabelPixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

interface Header {
  readonly width: number;
  readonly height: number;
  /** Bits of a pixel: 1, 2, 4 or 8. */
  readonly depth: number;
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const [GRAY, PALETTE] = [0, 3];
const inflated = promisify(inflate);

/**
 * The numbers that a PNG file has for its pixels: indices of its palette, or gray values as they stand there, of which 1, 2
 * and 4 bits are not spread over 0 to 255.
 *
 * @throws Unreadable for other files and for damaged ones
 */
export async function decodePngLabels(bytes: Uint8Array, maxPixels: number): Promise<LabelPixels> {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) throw unsupported('a mask that is no PNG');
  const chunks = chunksOf(bytes);
  const header = headerOf(chunks[0]);
  checkSize(header.width, header.height, maxPixels);
  const parts = chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data);
  const rows = await unpacked(Buffer.concat(parts), header);
  return { data: pixelsOf(rows, header), height: header.height, width: header.width };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; chunks.at(-1)?.type !== 'IEND'; ) {
    if (at + 12 > bytes.length) throw truncated();
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw truncated();
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
      throw new Unreadable('the checksum of a part is wrong');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

function headerOf(chunk: Chunk | undefined): Header {
  if (chunk?.type !== 'IHDR' || chunk.data.length !== 13) throw new Unreadable('its header is damaged');
  const { data } = chunk;
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const [depth, colours, interlaced] = [data[8], data[9], data[12]] as [number, number, number];
  if (colours !== GRAY && colours !== PALETTE) throw unsupported('a mask in colours');
  if (depth === 16) throw unsupported('a mask of 16 bits');
  if (![1, 2, 4, 8].includes(depth)) throw new Unreadable('its header is damaged');
  if (interlaced !== 0) throw unsupported('an interlaced mask');
  return { width: view.getUint32(0), height: view.getUint32(4), depth };
}

const rowBytes = ({ width, depth }: Header): number => Math.ceil((width * depth) / 8);

async function unpacked(data: Uint8Array, header: Header): Promise<Uint8Array> {
  const expected = (rowBytes(header) + 1) * header.height;
  let rows: Buffer;
  try {
    rows = (await inflated(data, { maxOutputLength: expected + 1 })) as Buffer;
  } catch (cause) {
    throw new Unreadable('its data are damaged', 'ERR_IMAGE_DECODE', { cause });
  }
  if (rows.length !== expected) throw new Unreadable(`it has ${rows.length} bytes in place of ${expected}`);
  return rows;
}

/** Takes the filters off in place, and a byte for each pixel. */
function pixelsOf(rows: Uint8Array, header: Header): Uint8Array {
  const { width, height, depth } = header;
  const size = rowBytes(header);
  const pixels = new Uint8Array(width * height);
  let above: Uint8Array = new Uint8Array(size);
  for (let y = 0; y < height; y++) {
    const start = y * (size + 1);
    const row = rows.subarray(start + 1, start + 1 + size);
    unfilter(rows[start] as number, row, above);
    spread(row, depth, pixels.subarray(y * width, (y + 1) * width));
    above = row;
  }
  return pixels;
}

/** A byte is a pixel, or several: its left neighbour is always one byte away. */
function unfilter(kind: number, row: Uint8Array, above: Uint8Array): void {
  if (kind === 0) return;
  if (kind > 4) throw new Unreadable('its data are damaged');
  let [left, corner] = [0, 0];
  for (let x = 0; x < row.length; x++) {
    const up = above[x] as number;
    const value = (row[x] as number) + predicted(kind, left, up, corner);
    row[x] = value;
    left = value & 255;
    corner = up;
  }
}

function predicted(kind: number, left: number, up: number, corner: number): number {
  if (kind === 1) return left;
  if (kind === 2) return up;
  if (kind === 3) return (left + up) >> 1;
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function spread(row: Uint8Array, depth: number, pixels: Uint8Array): void {
  if (depth === 8) {
    pixels.set(row);
    return;
  }
  const [each, most] = [8 / depth, 2 ** depth - 1];
  for (let x = 0; x < pixels.length; x++) {
    const byte = row[Math.floor(x / each)] as number;
    pixels[x] = (byte >> (8 - depth * ((x % each) + 1))) & most;
  }
}
