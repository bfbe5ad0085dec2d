import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes a file so that others see either the old one or the whole new one: into a temporary file beside it, synced
 * and renamed. On failure the temporary file is removed and the target is as it was.
 */
export function writeAtomically(path: string, write: (sink: (bytes: Uint8Array) => void) => void): void {
  const target = resolveLink(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  const descriptor = openSync(temporary, 'wx');
  try {
    fill(descriptor, write, target);
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  syncFolder(dirname(target));
}

function fill(descriptor: number, write: (sink: (bytes: Uint8Array) => void) => void, target: string): void {
  try {
    write((bytes) => writeAll(descriptor, bytes));
    keepMode(descriptor, target);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

/** A symbolic link stays one; what it points to is replaced. */
function resolveLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function keepMode(descriptor: number, target: string): void {
  const old = statSync(target, { throwIfNoEntry: false });
  if (old) fchmodSync(descriptor, old.mode & 0o777);
}

/** Makes the rename last through a power failure; not every system lets folders be opened. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch {}
}

/**
 * What a `path` argument names.
 *
 * @throws TypeError for anything but a string or a `file:` URL; `owner` names the function.
 */
export function pathOf(path: string | URL, owner: string): string {
  const target = path instanceof URL ? fileURLToPath(path) : path;
  if (typeof target === 'string') return target;
  throw new TypeError(`Expected a path or URL for ${owner}, got ${typeof target}`);
}
