import type { ByteSource } from '../byte-source.ts';
import { corrupt } from '../errors.ts';

const END_RECORD = 0x06054b50;
const END_SIZE = 22;
const END64_RECORD = 0x06064b50;
const END64_SIZE = 56;
const END64_LOCATOR = 0x07064b50;
const END64_LOCATOR_SIZE = 20;
const LONGEST_COMMENT = 0xffff;
const LARGEST_DIRECTORY = 1 << 28;

/** Where the central directory lies and how many entries it has. */
export interface ZipDirectory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** Finds the central directory from the end of the file; zip64's record counts where there is one. */
export function findDirectory(source: ByteSource): ZipDirectory {
  const { record, offset } = findEndRecord(source);
  const found = readEnd64(source, offset) ?? readEnd(source, record, offset);
  const { directory, end } = found;
  const isSmall = directory.size <= LARGEST_DIRECTORY;
  const fits = isSmall && directory.offset + directory.size <= end && directory.count * 46 <= directory.size;
  if (!fits) throw corrupt(source.origin, 'the zip archive has a directory outside the file');
  return directory;
}

function findEndRecord(source: ByteSource): { record: Buffer; offset: number } {
  const start = Math.max(0, source.size - END_SIZE - LONGEST_COMMENT);
  const tail = bufferOf(source.read(start, source.size - start));
  let last: { record: Buffer; offset: number } | undefined;
  for (let at = tail.length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_RECORD) continue;
    const found = { record: tail.subarray(at, at + END_SIZE), offset: start + at };
    if (at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length) return found;
    // What a download or a file system put behind the archive is no part of it; PyTorch passes over it too.
    last ??= found;
  }
  if (last !== undefined) return last;
  throw corrupt(source.origin, 'the zip archive has no end; the file is cut off, download or copy it again');
}

interface Found {
  readonly directory: ZipDirectory;
  readonly end: number;
}

function readEnd(source: ByteSource, record: Buffer, offset: number): Found {
  if (record.readUInt16LE(4) !== 0 || record.readUInt16LE(6) !== 0) throw severalDisks(source);
  const count = record.readUInt16LE(10);
  return {
    directory: { count, size: record.readUInt32LE(12), offset: record.readUInt32LE(16) },
    end: offset,
  };
}

function readEnd64(source: ByteSource, endOffset: number): Found | undefined {
  if (endOffset < END64_LOCATOR_SIZE) return undefined;
  const locator = bufferOf(source.read(endOffset - END64_LOCATOR_SIZE, END64_LOCATOR_SIZE));
  if (locator.readUInt32LE(0) !== END64_LOCATOR) return undefined;
  const offset = wide(source, locator, 8);
  const record = bufferOf(source.read(offset, END64_SIZE));
  if (record.readUInt32LE(0) !== END64_RECORD) {
    throw corrupt(source.origin, 'the zip archive has a broken zip64 record');
  }
  if (record.readUInt32LE(16) !== 0 || record.readUInt32LE(20) !== 0) throw severalDisks(source);
  const directory = {
    count: wide(source, record, 32),
    size: wide(source, record, 40),
    offset: wide(source, record, 48),
  };
  return { directory, end: offset };
}

function severalDisks(source: ByteSource) {
  return corrupt(source.origin, 'the zip archive is one part of several');
}

function wide(source: ByteSource, buffer: Buffer, at: number): number {
  const value = buffer.readBigUInt64LE(at);
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw corrupt(source.origin, `the zip archive has the number ${value} for an offset or size`);
}

/** The same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
