import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { GalleryError } from '../errors.ts';

// What the first page of a file of LMDB has at its 24th byte.
const MAGIC = Buffer.from('dec0efbe', 'hex');
const MAGIC_AT = 24;

/**
 * Makes a file under another name and gives it its own when it is complete, so that a loss of power leaves none half made. One
 * that another process has made meanwhile stays.
 */
export async function createOnce(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await make(temporary);
    linkSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    for (const name of [temporary, `${temporary}-lock`]) rmSync(name, { force: true });
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** LMDB maps what it is given; another file must not come that far. */
export function checkIsLmdb(path: string): void {
  const start = Buffer.alloc(MAGIC_AT + MAGIC.length);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, start, 0, start.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (start.subarray(MAGIC_AT).equals(MAGIC)) return;
  throw new GalleryError(`Expected a gallery at ${path}, got another file; check the path`, {
    code: 'ERR_GALLERY_OPEN',
  });
}
