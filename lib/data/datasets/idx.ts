import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { checkPositions, checkText } from '../../options.ts';
import type { DType, Tensor } from '../../tensor/index.ts';
import { fromOwnBytes } from '../../tensor/own-bytes.ts';
import { DatasetError } from '../errors.ts';

const TYPES: Record<number, readonly [DType, bytes: number]> = {
  8: ['uint8', 1],
  9: ['int8', 1],
  11: ['int16', 2],
  12: ['int32', 4],
  13: ['float32', 4],
  14: ['float64', 8],
};

/**
 * Reads a file in the idx format of MNIST, plain or gzipped, into a tensor of its dtype and shape.
 *
 * @throws DatasetError when the file cannot be read, is damaged, or is no idx file
 */
export function readIdx(path: string): Tensor {
  checkPositions('readIdx', arguments, 1);
  checkText('readIdx', 'a path', path);
  const bytes = readMaybeZipped(path);
  const { dtype, itemSize, shape, offset } = parseHeader(bytes, path);
  const expected = shape.reduce((product, side) => product * side, itemSize);
  if (bytes.length - offset !== expected) {
    const what = `Expected ${expected} bytes of data for shape [${shape.join(', ')}] in ${path}`;
    throw damaged(path, `${what}, got ${bytes.length - offset}`);
  }
  return fromOwnBytes(littleEndian(bytes.subarray(offset), itemSize), dtype, shape);
}

function readMaybeZipped(path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  } catch (cause) {
    throw damaged(path, `Expected a readable file for ${path}, got ${(cause as Error).message}`, cause);
  }
}

function parseHeader(bytes: Buffer, path: string) {
  const type = TYPES[bytes[2] ?? 0];
  const dims = bytes[3] ?? 0;
  const offset = 4 + 4 * dims;
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined || dims === 0 || bytes.length < offset) {
    throw damaged(
      path,
      `Expected an idx header in ${path}, got ${bytes.subarray(0, 4).toString('hex') || 'nothing'}`,
    );
  }
  const shape = Array.from({ length: dims }, (_, dim) => bytes.readUInt32BE(4 + 4 * dim));
  return { dtype: type[0], itemSize: type[1], shape, offset };
}

/** A copy in this machine's byte order, which also sets it on an even address. */
function littleEndian(data: Buffer, itemSize: number): Uint8Array {
  const copy = Buffer.from(Uint8Array.from(data).buffer);
  if (itemSize === 2) copy.swap16();
  if (itemSize === 4) copy.swap32();
  if (itemSize === 8) copy.swap64();
  return copy;
}

function damaged(path: string, message: string, cause?: unknown): DatasetError {
  return new DatasetError(`${message}; fetch the file again`, { code: 'ERR_DATASET_DAMAGED', path, cause });
}
