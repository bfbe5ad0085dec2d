import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { formatOf } from '../../data/image/format.ts';

const TYPES: Readonly<Record<string, string>> = {
  JPEG: 'image/jpeg',
  PNG: 'image/png',
  WebP: 'image/webp',
  GIF: 'image/gif',
  BMP: 'image/bmp',
  AVIF: 'image/avif',
};

/** An image of an entry, as it came. */
export interface StoredImage {
  readonly bytes: Buffer;
  readonly type: string;
}

/** Images of entries: those that were enrolled, in a folder of the server's, and files that ids are the paths of. */
export class ImageStore {
  readonly #folder: string | undefined;
  readonly #root: string | undefined;

  /**
   * @param folder where enrolled images are kept; undefined where none are
   * @param root where files lie that ids are the paths of, as those of `ibn-net reid extract`
   */
  constructor(folder: string | undefined, root: string | undefined) {
    this.#folder = folder;
    this.#root = root === undefined ? undefined : realpathSync(root);
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
  }

  get keeps(): boolean {
    return this.#folder !== undefined;
  }

  async put(id: string, bytes: Uint8Array): Promise<void> {
    if (this.#folder === undefined) return;
    const path = this.#pathOf(this.#folder, id);
    await writeFile(`${path}.tmp`, bytes);
    await rename(`${path}.tmp`, path);
  }

  async delete(id: string): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#pathOf(this.#folder, id), { force: true });
  }

  /** Undefined where there is none. */
  async read(id: string): Promise<StoredImage | undefined> {
    const kept = this.#folder === undefined ? undefined : await readOr(this.#pathOf(this.#folder, id));
    const bytes = kept ?? (await this.#readBelowRoot(id));
    return bytes === undefined ? undefined : { bytes, type: typeOf(bytes) };
  }

  /** Any id, as a name that every file system has. */
  #pathOf(folder: string, id: string): string {
    return join(folder, createHash('sha256').update(id).digest('hex'));
  }

  /** Ids are anybody's: links and dots must not lead out. */
  async #readBelowRoot(id: string): Promise<Buffer | undefined> {
    if (this.#root === undefined || id.includes('\0')) return undefined;
    try {
      const path = realpathSync(join(this.#root, id));
      return path.startsWith(this.#root + sep) ? await readOr(path) : undefined;
    } catch {
      return undefined;
    }
  }
}

const readOr = (path: string): Promise<Buffer | undefined> => readFile(path).catch(() => undefined);

function typeOf(bytes: Buffer): string {
  try {
    return TYPES[formatOf(bytes)] ?? 'application/octet-stream';
  } catch {
    return 'application/octet-stream';
  }
}
