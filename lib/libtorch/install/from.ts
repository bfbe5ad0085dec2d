import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LibtorchError } from '../../errors.ts';
import { DownloadError } from '../../net/download.ts';
import { inspectNamed, type LibtorchFolder } from '../find/inspect.ts';
import { thisPlatform } from '../find/platform.ts';
import { isSupported, SUPPORTED, type TorchVersion } from '../find/torch-version.ts';
import { parseWheelName } from '../wheels/wheel-name.ts';
import { type ArchivedLibtorch, identify, openArchive } from './archive.ts';
import { fetchFile, Refusal, type SourceContext, verifyPinned } from './sources.ts';
import type { PinnedFile } from './versions.ts';

/** What `--from` names: an archive, or a libtorch that is unpacked already. */
export type From =
  | { archive: string; found: ArchivedLibtorch; temporary: boolean; beside: string }
  | { folder: LibtorchFolder };

/** What `--from` has to be, where the command says so. */
export interface Expected {
  version?: string | undefined;
  /** A flavour, or `cuda` for any CUDA build. */
  flavour?: string | undefined;
}

type Context = Pick<SourceContext, 'downloads' | 'log' | 'signal'> & { pins: readonly PinnedFile[] };

/**
 * Resolves `--from`: a wheel or zip, a URL of one, a folder of wheels, or an unpacked libtorch.
 *
 * @throws LibtorchError `ERR_LIBTORCH_FROM`
 */
export async function resolveFrom(from: string, expected: Expected, context: Context): Promise<From> {
  if (/^https?:/.test(from)) return fromUrl(from, expected, context);
  const path = resolve(from.startsWith('file:') ? fileURLToPath(from) : from);
  const kind = await stat(path).catch(() => undefined);
  if (!kind) throw wrong(from, 'no such file or folder');
  if (kind.isFile()) return fromFile(path, expected, context);
  const unpacked = inspectNamed(path, thisPlatform);
  if ('reason' in unpacked) return fromFolder(path, expected, context);
  checkExpected(from, unpacked.folder, expected);
  return { folder: unpacked.folder };
}

async function fromUrl(url: string, expected: Expected, context: Context): Promise<From> {
  const { pathname, hash } = new URL(url);
  const name = basename(decodeURIComponent(pathname));
  const path = join(context.downloads, name);
  const stated = /^#sha256=([0-9a-f]{64})$/.exec(hash)?.[1];
  const pin = context.pins.find((file) => file.name === name);
  try {
    await fetchFile(url, path, pin ?? (stated ? { sha256: stated } : {}), context);
  } catch (error) {
    if (error instanceof DownloadError) {
      throw new LibtorchError(error.message, { code: 'ERR_LIBTORCH_FROM', cause: error });
    }
    throw error;
  }
  const file = await fromFile(path, expected, context, stated !== undefined);
  return { ...file, temporary: true };
}

async function fromFile(path: string, expected: Expected, context: Context, trusted = false) {
  const found = await identifyFile(path);
  if (!found) throw wrong(path, 'is neither a libtorch zip nor a torch wheel');
  checkExpected(path, found, expected);
  try {
    const unpinned = await verifyPinned(path, context.pins);
    if (unpinned && !trusted) warnUnpinned(path, unpinned);
  } catch (error) {
    if (error instanceof Refusal) throw wrong(path, error.message);
    throw error;
  }
  return { archive: path, found, temporary: false, beside: dirname(path) };
}

async function fromFolder(folder: string, expected: Expected, context: Context): Promise<From> {
  const matching: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (parseWheelName(name)?.project !== 'torch' && !/^libtorch.*\.zip$/.test(name)) continue;
    const found = await identifyFile(join(folder, name));
    if (found && !unexpected(found, expected)) matching.push(name);
  }
  const [first, ...others] = matching;
  if (first === undefined) throw wrong(folder, 'holds neither libtorch nor a torch wheel that was asked for');
  if (others.length === 0) return fromFile(join(folder, first), expected, context);
  throw wrong(folder, `holds several: ${matching.join(', ')}; name one of them, or give --version`);
}

async function identifyFile(path: string): Promise<ArchivedLibtorch | undefined> {
  const archive = await openArchive(path);
  try {
    return await identify(archive);
  } finally {
    archive.close();
  }
}

function warnUnpinned(path: string, sha256: string): void {
  const message = `${basename(path)} is not in the table of pinned files; its sha256 is ${sha256}`;
  process.emitWarning(message, { code: 'IBN_LIBTORCH_UNPINNED' });
}

/** Why a libtorch is not the expected one, or `undefined` when it is. */
export function unexpected(found: TorchVersion, expected: Expected): string | undefined {
  const { version, flavour } = expected;
  const isCuda = found.flavour.startsWith('cu');
  const isFlavour = flavour === undefined || flavour === found.flavour || (flavour === 'cuda' && isCuda);
  if (version !== undefined && version !== found.version)
    return `expected version ${version}, got ${found.version}`;
  if (!isFlavour) return `expected flavour ${flavour}, got ${found.flavour}`;
  if (!isSupported(found.version)) return `version ${found.version} is not supported, expected ${SUPPORTED}`;
  return undefined;
}

function checkExpected(path: string, found: TorchVersion, expected: Expected): void {
  const reason = unexpected(found, expected);
  if (reason) throw wrong(path, reason);
}

function wrong(path: string, reason: string): LibtorchError {
  return new LibtorchError(`--from ${path}: ${reason}`, { code: 'ERR_LIBTORCH_FROM' });
}
