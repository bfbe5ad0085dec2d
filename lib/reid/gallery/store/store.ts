import { crc32 } from 'node:zlib';
import type { EntryFacts, StoredEntry } from '../entry.ts';
import { GalleryError } from '../errors.ts';

/** A change of a gallery: an entry to write, or undefined to delete. */
export type Change = readonly [id: string, entry: StoredEntry | undefined];

/** Where a gallery keeps its entries. Small, so that another database can take its place. */
export interface GalleryStore {
  /** All entries, in the order of their ids. */
  entries(): Iterable<readonly [id: string, entry: StoredEntry]>;
  get(id: string): StoredEntry | undefined;
  /** Makes all changes or none. Resolves when they will survive the end of the process and of power. */
  write(changes: readonly Change[]): Promise<void>;
  /** Grows with each write, by another process too. */
  version(): number;
  close(): Promise<void>;
}

const HEADER = 8;

/** An entry as bytes: check sum, length of the facts, the facts as JSON, the feature. */
export function encodeEntry({ facts, feature }: StoredEntry): Buffer {
  const text = Buffer.from(JSON.stringify(facts));
  const bytes = Buffer.alloc(HEADER + text.length + feature.byteLength);
  bytes.writeUInt32LE(text.length, 4);
  text.copy(bytes, HEADER);
  bytes.set(new Uint8Array(feature.buffer, feature.byteOffset, feature.byteLength), HEADER + text.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** @throws GalleryError for bytes that are not what was written */
export function decodeEntry(id: string, bytes: Uint8Array): StoredEntry {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER || buffer.readUInt32LE(0) !== crc32(buffer.subarray(4))) throw damaged(id);
  const end = HEADER + buffer.readUInt32LE(4);
  const feature = new Float32Array((buffer.length - end) / 4);
  new Uint8Array(feature.buffer).set(buffer.subarray(end));
  return { facts: JSON.parse(buffer.toString('utf8', HEADER, end)) as EntryFacts, feature };
}

function damaged(id: string): GalleryError {
  return new GalleryError(
    `Expected entry ${JSON.stringify(id)} as it was written, got bytes with another check sum; the file is damaged: restore a copy`,
    { code: 'ERR_GALLERY_DAMAGED' },
  );
}
