import * as zlib from 'node:zlib';

// zlib.crc32 came with Node 20.15 and 22.2; @types/node 20 does not know it.
const native = (zlib as { crc32?: (bytes: Uint8Array, previous: number) => number }).crc32;

/** The CRC-32 that zip files carry; pass the previous result to go on with further bytes. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return native ? native(bytes, previous) : tableCrc32(bytes, previous);
}

let table: Uint32Array | undefined;

/** The same in TypeScript, for a Node without `zlib.crc32`. */
export function tableCrc32(bytes: Uint8Array, previous = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, index) => remainder(index));
  let crc = ~previous;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function remainder(index: number): number {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
}
