import { describe, expect, it } from 'vitest';
import yauzl from 'yauzl';
import { BufferSource, type ByteSource } from '../../lib/checkpoint/byte-source.ts';
import { crc32, tableCrc32 } from '../../lib/checkpoint/zip/crc32.ts';
import { ZipReader } from '../../lib/checkpoint/zip/reader.ts';
import { zip } from './forge.ts';

const content = { 'a/one': Buffer.from('first'), 'a/two': Buffer.alloc(300, 7), 'a/empty': Buffer.alloc(0) };

function read(bytes: Uint8Array): ZipReader {
  return new ZipReader(new BufferSource(bytes, { path: '/file.pth', name: 'file.pth' }));
}

/** Where the first entry of the directory begins. */
function directoryOf(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - 6);
}

/** The same archive with its sizes and places in zip64 fields only. */
function toZip64(bytes: Buffer): Buffer {
  const start = directoryOf(bytes);
  const entries: Buffer[] = [];
  let at = start;
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const end = at + 46 + bytes.readUInt16LE(at + 28);
    entries.push(zip64Entry(Buffer.from(bytes.subarray(at, end))));
    at = end;
  }
  const directory = Buffer.concat(entries);
  const record = Buffer.alloc(76);
  record.writeUInt32LE(0x06064b50, 0);
  for (const [field, value] of [
    [24, entries.length],
    [32, entries.length],
    [40, directory.length],
    [48, start],
  ]) {
    record.writeBigUInt64LE(BigInt(value as number), field);
  }
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(start + directory.length), 64);
  const end = Buffer.alloc(22, 0xff);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(0, 20);
  return Buffer.concat([bytes.subarray(0, start), directory, record, end]);
}

function zip64Entry(header: Buffer): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(header.readUInt32LE(24)), 4);
  extra.writeBigUInt64LE(BigInt(header.readUInt32LE(20)), 12);
  extra.writeBigUInt64LE(BigInt(header.readUInt32LE(42)), 20);
  header.fill(0xff, 20, 28).fill(0xff, 42, 46).writeUInt16LE(extra.length, 30);
  return Buffer.concat([header, extra]);
}

function names(bytes: Buffer): Promise<string[]> {
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(bytes, { lazyEntries: false, strictFileNames: true }, (error, file) => {
      if (error) return reject(error);
      const found: string[] = [];
      file.on('entry', (entry: yauzl.Entry) => found.push(entry.fileName));
      file.on('error', reject);
      file.on('end', () => resolve(found));
    });
  });
}

describe('zip archives', () => {
  it('what is written reads back, aligned to 64 bytes', () => {
    const reader = read(zip(content));
    for (const [name, bytes] of Object.entries(content)) {
      const entry = reader.entries.get(name);
      expect(entry && Buffer.from(reader.read(entry))).toEqual(bytes);
      expect(entry && reader.dataOffset(entry) % 64).toBe(0);
    }
  });

  it('yauzl finds the same entries', async () => {
    expect(await names(zip(content))).toEqual(Object.keys(content));
  });

  it('reads zip64', async () => {
    const bytes = toZip64(zip(content));
    expect(await names(bytes)).toEqual(Object.keys(content));
    const reader = read(bytes);
    const entry = reader.entries.get('a/two');
    expect(entry && Buffer.from(reader.read(entry))).toEqual(content['a/two']);
  });

  it('reads an entry that lies beyond 4 GiB', () => {
    const bytes = toZip64(zip(content));
    const source = new FarSource(bytes, 5 * 2 ** 30);
    const reader = new ZipReader(source);
    expect(reader.dataOffset(reader.entries.get('a/one') as never)).toBe(64 + 5 * 2 ** 30);
  });

  it.each([
    [
      'a wrong checksum',
      (bytes: Buffer) => bytes.fill('F', 64, 65),
      'zip entry "a/one" has a wrong checksum',
    ],
    ['no local header', (bytes: Buffer) => bytes.fill(0, 0, 4), 'zip entry "a/one" has no local header'],
    [
      'another local name',
      (bytes: Buffer) => bytes.write('b', 30),
      'zip entry "a/one" has a local header for "b/one"',
    ],
    [
      'a longer local name',
      (bytes: Buffer) => bytes.fill(6, 26, 27),
      'zip entry "a/one" has a local header for "a/one"',
    ],
    [
      'an offset past the end',
      (bytes: Buffer) => bytes.fill(0x7f, directoryOf(bytes) + 42, directoryOf(bytes) + 46),
      '35 bytes expected at byte 2139062143',
    ],
    [
      'more bytes than the file',
      (bytes: Buffer) => setSize(bytes, 4000),
      'the zip archive has 4305 bytes in a file of',
    ],
    [
      'a directory past the end',
      (bytes: Buffer) => bytes.fill(0x7f, bytes.length - 6, bytes.length - 2),
      'the zip archive has a directory outside the file',
    ],
    [
      'too many entries',
      (bytes: Buffer) => bytes.fill(0x7f, bytes.length - 12, bytes.length - 10),
      'the zip archive has a directory outside the file',
    ],
    [
      'two entries of one name',
      (bytes: Buffer) => renameAll(bytes),
      'zip entry "a/one" has two entries of one name',
    ],
    [
      'an encrypted entry',
      (bytes: Buffer) => bytes.fill(1, directoryOf(bytes) + 8, directoryOf(bytes) + 9),
      'encrypted zip entry "a/one"',
    ],
  ])('%s is refused', (_, damage, expected) => {
    const bytes = zip({ ...content, 'a/on2': Buffer.from('again') });
    damage(bytes);
    const attempt = () => {
      const reader = read(bytes);
      return reader.read(reader.entries.get('a/one') as never);
    };
    expect(attempt).toThrow(`file.pth: ${expected}`);
  });

  it('bytes that run into the directory are refused', () => {
    const bytes = zip({ 'a/one': Buffer.from('first') });
    setSize(bytes, 100);
    const reader = read(bytes);
    const attempt = () => reader.read(reader.entries.get('a/one') as never);
    expect(attempt).toThrow('file.pth: zip entry "a/one" has bytes past the end');
  });

  it('a checksum of zero stands for none, as torch writes it on request', () => {
    const bytes = zip(content);
    const crcAt = directoryOf(bytes) + 16;
    bytes.fill(0, crcAt, crcAt + 4);
    const reader = read(bytes);
    expect(Buffer.from(reader.read(reader.entries.get('a/one') as never)).toString()).toBe('first');
  });

  it('the checksum in TypeScript equals that of zlib', () => {
    const bytes = Buffer.from('123456789');
    expect(tableCrc32(bytes)).toBe(0xcbf43926);
    expect(tableCrc32(bytes.subarray(4), tableCrc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
    expect(crc32(bytes)).toBe(0xcbf43926);
  });
});

function setSize(bytes: Buffer, size: number): void {
  bytes.writeUInt32LE(size, directoryOf(bytes) + 20);
  bytes.writeUInt32LE(size, directoryOf(bytes) + 24);
}

function renameAll(bytes: Buffer): void {
  const text = bytes.toString('latin1').replaceAll('a/on2', 'a/one');
  bytes.write(text, 'latin1');
}

/** An archive behind a hole that is nowhere in memory; offsets in its directory are moved accordingly. */
class FarSource implements ByteSource {
  readonly origin = { path: '/far.pth', name: 'far.pth' };
  readonly size: number;

  constructor(
    private readonly bytes: Buffer,
    private readonly hole: number,
  ) {
    this.size = bytes.length + hole;
    this.move();
  }

  read(offset: number, length: number): Uint8Array {
    const read = Buffer.alloc(length);
    const start = offset - this.hole;
    this.bytes.copy(read, Math.max(-start, 0), Math.max(start, 0), start + length);
    return read;
  }

  close(): void {}

  private move(): void {
    const add = (at: number) => {
      this.bytes.writeBigUInt64LE(this.bytes.readBigUInt64LE(at) + BigInt(this.hole), at);
    };
    const locator = this.bytes.length - 42;
    const record = Number(this.bytes.readBigUInt64LE(locator + 8));
    const directory = Number(this.bytes.readBigUInt64LE(record + 48));
    for (let at = directory; at < record; at += 46 + this.bytes.readUInt16LE(at + 28) + 28) {
      add(at + 46 + this.bytes.readUInt16LE(at + 28) + 20);
    }
    add(record + 48);
    add(locator + 8);
  }
}
