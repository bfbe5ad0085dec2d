import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import yauzl from 'yauzl';
import { LibtorchError } from '../../errors.ts';
import { parseVersion, parseVersionPy, type TorchVersion } from '../find/torch-version.ts';

/** A zip file opened for reading, with its table of contents read and checked. */
export interface Archive {
  path: string;
  entries: yauzl.Entry[];
  open(entry: yauzl.Entry): Promise<Readable>;
  /** The text of an entry, or `''` when there is none of that name. */
  text(name: string | RegExp): Promise<string>;
  close(): void;
}

/**
 * Opens a wheel or a libtorch zip. An entry whose name leads out of the folder is refused here, before
 * anything is written.
 *
 * @throws LibtorchError `ERR_LIBTORCH_ARCHIVE`
 */
export async function openArchive(path: string): Promise<Archive> {
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    const entries = await readEntries(zip);
    return {
      path,
      entries,
      open: (entry) => zip.openReadStreamPromise(entry),
      text: (name) => readText(zip, entries, name),
      close: () => zip.close(),
    };
  } catch (error) {
    throw archiveError(path, (error as Error).message, error);
  }
}

/** An error about one archive. */
export function archiveError(path: string, reason: string, cause?: unknown): LibtorchError {
  return new LibtorchError(`${basename(path)}: ${reason}`, { code: 'ERR_LIBTORCH_ARCHIVE', cause });
}

async function readEntries(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  try {
    const entries: yauzl.Entry[] = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    return entries;
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function readText(zip: yauzl.ZipFile, entries: yauzl.Entry[], name: string | RegExp): Promise<string> {
  const matches = (fileName: string) => (typeof name === 'string' ? fileName === name : name.test(fileName));
  const entry = entries.find(({ fileName }) => matches(fileName));
  if (!entry) return '';
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The libtorch in an archive: its version and the folder it lies in. */
export interface ArchivedLibtorch extends TorchVersion {
  kind: 'wheel' | 'zip';
}

/** Tells which libtorch an archive holds; a wheel or zip of something else gives `undefined`. */
export async function identify(archive: Archive): Promise<ArchivedLibtorch | undefined> {
  const zipVersion = parseVersion(await archive.text('libtorch/build-version'));
  if (zipVersion) return { ...zipVersion, flavour: zipVersion.flavour || 'cpu', kind: 'zip' };
  const wheelVersion = parseVersionPy(await archive.text('torch/version.py'));
  return wheelVersion && { ...wheelVersion, kind: 'wheel' };
}
