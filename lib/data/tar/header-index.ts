import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Header } from 'tar';
import { DatasetError } from '../errors.ts';
import { fsEncode } from '../fs-path.ts';
import type { TarEntry } from './tar-entry.ts';

const BLOCK = 512;
/** Of names and attributes in headers of their own; honest ones have some hundred bytes. */
const MOST_HEADER_BYTES = 1 << 20;
const FILES = new Set(['File', 'OldFile', 'ContiguousFile']);
/** Sparse files, and volumes of several tapes. */
const UNREADABLE = new Set(['Unsupported', 'SparseFile', 'GNUSparse']);

/** The package that knows the headers; loaded when the first tar file is opened. */
export type Tar = Pick<typeof import('tar'), 'Header' | 'Pax'>;
type Attributes = ConstructorParameters<typeof Header>[2];

/**
 * The files of a tar file in their order, by its headers alone: what lies between them is not read. Names of any length
 * (ustar, GNU, pax) are; compressed tar files are not, since nothing in them has a place.
 *
 * @throws DatasetError for a file that is missing, cut off, or no tar file
 */
export function indexTar(path: string, tar: Tar): TarEntry[] {
  const file = openTar(path);
  try {
    return [...readEntries(file, path, tar)];
  } finally {
    closeSync(file);
  }
}

function openTar(path: string): number {
  try {
    return openSync(fsEncode(path), 'r');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT';
    const reason = isMissing ? 'no such file' : `could not be read (${code})`;
    throw new DatasetError(`${path}: ${reason}; check the path`, {
      code: isMissing ? 'ERR_DATASET_NOT_FOUND' : 'ERR_DATASET_UNREADABLE',
      path,
      cause,
    });
  }
}

function* readEntries(file: number, path: string, tar: Tar): Generator<TarEntry> {
  const { size: end } = fstatSync(file);
  let own: Attributes;
  let all: Attributes;
  for (let at = 0; at < end; ) {
    const header = headerAt(
      bytesAt(file, path, at, BLOCK),
      path,
      at,
      (block) => new tar.Header(block, 0, own, all),
    );
    if (header === undefined) return;
    const { type } = header;
    const length = header.size ?? 0;
    const offset = at + BLOCK;
    if (offset + length > end) throw damaged(path, `it is cut off within ${header.path}`);
    at = offset + BLOCK * Math.ceil(length / BLOCK);
    if (type === 'ExtendedHeader' || type === 'GlobalExtendedHeader') {
      const isGlobal = type === 'GlobalExtendedHeader';
      const text = bytesAt(file, path, offset, length).toString('utf8');
      const parsed = tar.Pax.parse(text, isGlobal ? all : own, isGlobal) as Attributes;
      if (isGlobal) all = parsed;
      else own = parsed;
    } else if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') {
      own = { ...own, path: untilZero(bytesAt(file, path, offset, length)) };
    } else if (type === 'NextFileHasLongLinkpath') {
      own = { ...own, linkpath: untilZero(bytesAt(file, path, offset, length)) };
    } else {
      // The header's own prefix has been put before it.
      const inside = own?.path ?? all?.path ?? (header.path as string);
      own = undefined;
      if (UNREADABLE.has(type)) throw damaged(path, `${header.path} is of a kind that is not read`);
      if (FILES.has(type)) yield { path: inside, offset, length };
    }
  }
}

/** Undefined for the block of zeros at the end. */
function headerAt(
  block: Buffer,
  path: string,
  at: number,
  parse: (block: Buffer) => Header,
): Header | undefined {
  let header: Header;
  try {
    header = parse(block);
  } catch (cause) {
    throw noHeader(path, at, cause);
  }
  if (header.nullBlock) return undefined;
  const isSize = Number.isSafeInteger(header.size ?? 0) && (header.size ?? 0) >= 0;
  if (header.cksumValid && isSize) return header;
  throw noHeader(path, at);
}

function noHeader(path: string, at: number, cause?: unknown): DatasetError {
  const isFirst = at === 0;
  const reason = isFirst ? 'it is no tar file, or a compressed one' : `its header at byte ${at} is damaged`;
  return damaged(path, reason, cause);
}

function bytesAt(file: number, path: string, at: number, length: number): Buffer {
  if (length > MOST_HEADER_BYTES) throw damaged(path, `its header at byte ${at} has ${length} bytes`);
  const bytes = Buffer.alloc(length);
  if (readSync(file, bytes, 0, length, at) === length) return bytes;
  throw damaged(path, 'it is cut off');
}

const untilZero = (bytes: Buffer) => bytes.toString('utf8').replace(/\0.*$/s, '');

function damaged(path: string, reason: string, cause?: unknown): DatasetError {
  return new DatasetError(`${path}: ${reason}; pass an undamaged tar file`, {
    code: 'ERR_DATASET_DAMAGED',
    path,
    cause,
  });
}
