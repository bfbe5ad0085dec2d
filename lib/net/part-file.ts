import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What the server said about the file of which a part is here; a changed file is not resumed. */
export interface PartOrigin {
  url: string;
  /** The strong ETag or the Last-Modified date, for If-Range. */
  validator: string;
}

/** The sha256 of a file, as hexadecimal digits. */
export async function hashFile(path: string): Promise<string> {
  return (await feed(createHash('sha256'), path)).digest('hex');
}

async function feed(hash: Hash, path: string): Promise<Hash> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash;
}

/**
 * The unfinished file beside a download's destination (`<destination>.part`), with what is needed to resume
 * it (`<destination>.part.json`). One process at a time; the caller holds the lock.
 */
export class PartFile {
  readonly path: string;
  readonly #notes: string;
  readonly #destination: string;
  #hash: Hash = createHash('sha256');
  size = 0;

  constructor(destination: string) {
    this.#destination = destination;
    this.path = `${destination}.part`;
    this.#notes = `${this.path}.json`;
  }

  /** Takes up what an earlier run left, if it came from the same URL; gives what If-Range needs. */
  async resume(url: string): Promise<PartOrigin | undefined> {
    const origin = await this.#readNotes();
    const found = await stat(this.path).catch(() => undefined);
    if (!found || found.size === 0 || origin?.url !== url) {
      await this.discard();
      return undefined;
    }
    if (this.size !== found.size) this.#hash = await feed(createHash('sha256'), this.path);
    this.size = found.size;
    return origin;
  }

  /** Opens the part for writing at its end, or from nothing; notes where the bytes come from. */
  async open(from: number, origin: PartOrigin | undefined): Promise<FileHandle> {
    if (from === 0) {
      this.#hash = createHash('sha256');
      this.size = 0;
      if (origin) await writeFile(this.#notes, JSON.stringify(origin));
      else await rm(this.#notes, { force: true });
    }
    return open(this.path, from === 0 ? 'w' : 'a');
  }

  async write(file: FileHandle, chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.byteLength; ) {
      done += (await file.write(chunk, done, chunk.byteLength - done)).bytesWritten;
    }
    this.#hash.update(chunk);
    this.size += chunk.byteLength;
  }

  /** The sha256 of what is here; call it once, when everything is. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Makes the complete part the destination, in one step. */
  async finish(): Promise<void> {
    await rename(this.path, this.#destination);
    await rm(this.#notes, { force: true });
    await syncFolder(dirname(this.#destination));
  }

  async discard(): Promise<void> {
    this.size = 0;
    this.#hash = createHash('sha256');
    await rm(this.path, { force: true });
    await rm(this.#notes, { force: true });
  }

  async #readNotes(): Promise<PartOrigin | undefined> {
    try {
      return JSON.parse(await readFile(this.#notes, 'utf8')) as PartOrigin;
    } catch {
      return undefined;
    }
  }
}

/** Makes a rename in the folder last through a loss of power; a no-op where folders cannot be opened. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Windows cannot open folders.
  }
}
