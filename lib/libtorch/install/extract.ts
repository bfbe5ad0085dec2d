import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { Entry } from 'yauzl';
import { type Archive, archiveError } from './archive.ts';

const WORKERS = 4;
const SMALL = 1 << 20;

/** How an archive is unpacked. */
export interface ExtractOptions {
  select: (name: string) => boolean;
  /** Called with the bytes written so far and those to write in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks the selected files below `folder`. Every checksum is verified; links and names that lead out of
 * the folder are refused.
 *
 * @throws LibtorchError `ERR_LIBTORCH_ARCHIVE`
 */
export async function extract(archive: Archive, folder: string, options: ExtractOptions): Promise<void> {
  const chosen = archive.entries.filter(
    ({ fileName }) => !fileName.endsWith('/') && options.select(fileName),
  );
  for (const entry of chosen) refuseUnsafe(archive, entry, folder);
  await makeFolders(chosen, folder);
  const total = chosen.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  let done = 0;
  // The largest first: they take most of the time, and the small ones fill the other workers meanwhile.
  const queue = chosen.sort((a, b) => b.uncompressedSize - a.uncompressedSize).values();
  const work = async () => {
    for (const entry of queue) {
      options.signal?.throwIfAborted();
      await extractOne(archive, entry, join(folder, entry.fileName), (bytes) => {
        done += bytes;
        options.onProgress?.(done, total);
      });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

function refuseUnsafe(archive: Archive, entry: Entry, folder: string): void {
  const inside = relative(folder, resolve(folder, entry.fileName));
  if (inside.startsWith('..') || resolve(folder, inside) === resolve(folder)) {
    throw archiveError(archive.path, `refused "${entry.fileName}", it leads out of the folder`);
  }
  const isLink = ((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000;
  if (isLink) throw archiveError(archive.path, `refused "${entry.fileName}", it is a symbolic link`);
}

async function makeFolders(entries: Entry[], folder: string): Promise<void> {
  const folders = new Set(entries.map(({ fileName }) => dirname(join(folder, fileName))));
  for (const path of folders) await mkdir(path, { recursive: true });
}

async function extractOne(
  archive: Archive,
  entry: Entry,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const check = new Checksum(entry, onBytes);
  try {
    const content = await archive.open(entry);
    if (entry.uncompressedSize > SMALL) await writeLarge(content, check, path);
    else await writeSmall(content, check, path);
  } catch (error) {
    throw 'syscall' in (error as Error) ? error : archiveError(archive.path, (error as Error).message, error);
  }
}

async function writeLarge(content: Readable, check: Checksum, path: string): Promise<void> {
  const verify = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) yield check.add(chunk);
    check.finish();
  };
  await pipeline(content, verify, createWriteStream(path, { flush: true, highWaterMark: SMALL }));
}

async function writeSmall(content: Readable, check: Checksum, path: string): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(check.add(chunk as Buffer));
  check.finish();
  await writeFile(path, Buffer.concat(chunks), { flush: true });
}

/** Adds up the checksum of an entry and fails when it is not the one the archive recorded. */
class Checksum {
  readonly #entry: Entry;
  readonly #onBytes: (bytes: number) => void;
  #crc = 0;

  constructor(entry: Entry, onBytes: (bytes: number) => void) {
    this.#entry = entry;
    this.#onBytes = onBytes;
  }

  add(chunk: Buffer): Buffer {
    this.#crc = crc32(chunk, this.#crc);
    this.#onBytes(chunk.length);
    return chunk;
  }

  finish(): void {
    if (this.#crc !== this.#entry.crc32) throw new Error(`"${this.#entry.fileName}" is damaged`);
  }
}
