import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { LibtorchError } from '../../errors.ts';
import { byteProgress } from '../../net/progress.ts';
import { inspectNamed, type LibtorchFolder } from '../find/inspect.ts';
import { thisPlatform } from '../find/platform.ts';
import { markerVariables, nativeRequirements, type Requirement } from '../wheels/requirements.ts';
import { parseWheelName } from '../wheels/wheel-name.ts';
import { type Archive, type ArchivedLibtorch, openArchive } from './archive.ts';
import { extract } from './extract.ts';
import type { Obtainer } from './obtain.ts';
import { isNeeded } from './selection.ts';
import { discard } from './sources.ts';
import type { PinnedFile } from './versions.ts';

/** What is needed to lay out a libtorch in a folder. */
export interface Stage {
  folder: string;
  obtainer: Obtainer;
  /** The files of the pinned build, if it is one. */
  pins: readonly PinnedFile[];
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** Unpacks a libtorch archive and the wheels it requires as pip would lay them out. */
export async function unpackLibtorch(path: string, found: ArchivedLibtorch, stage: Stage): Promise<void> {
  const metadata = await unpack(path, stage);
  if (found.kind === 'zip' || found.flavour === 'cpu') return;
  const python = parseWheelName(basename(path))?.python ?? '';
  await unpackRequirements(metadata, python, stage);
}

/** Unpacks one archive; gives its METADATA. */
async function unpack(path: string, stage: Stage): Promise<string> {
  const archive = await openArchive(path);
  const progress = byteProgress(`Unpacking ${basename(path).slice(0, 30)}`);
  try {
    const onProgress = progress.update;
    await extract(archive, stage.folder, { select: isNeeded, signal: stage.signal, onProgress });
    return await readMetadata(archive);
  } finally {
    progress.stop();
    archive.close();
  }
}

function readMetadata(archive: Archive): Promise<string> {
  return archive.text(/^[^/]+\.dist-info\/METADATA$/);
}

async function unpackRequirements(metadata: string, python: string, stage: Stage): Promise<void> {
  const { platform, arch } = thisPlatform;
  const variables = markerVariables(platform, arch, python);
  const done = new Set<string>();
  const queue = nativeRequirements(metadata, [], variables);
  for (let next = takeNext(queue); next; next = takeNext(queue)) {
    if (done.has(next.project)) continue;
    done.add(next.project);
    const inner = await unpackRequirement(next, stage);
    queue.push(...nativeRequirements(inner, next.extras, variables));
  }
}

/** The next requirement, those that name a version first: others repeat them without one. */
function takeNext(queue: Requirement[]): Requirement | undefined {
  const versioned = queue.findIndex(({ specifiers }) => specifiers !== '');
  return queue.splice(Math.max(versioned, 0), 1)[0];
}

async function unpackRequirement(requirement: Requirement, stage: Stage): Promise<string> {
  const pin = stage.pins.find(({ name }) => parseWheelName(name)?.project === requirement.project);
  const file = await stage.obtainer.get({ ...requirement, pin });
  stage.log(`Unpacking ${basename(file.path)}`);
  const metadata = await unpack(file.path, stage);
  await discard(file);
  return metadata;
}

/** Copies an unpacked libtorch, or a Python's torch with the nvidia packages beside it. */
export async function copyLibtorch(root: string, folder: string): Promise<void> {
  const isPackage = existsSync(join(root, 'version.py'));
  await copyNeeded(root, isPackage ? 'torch' : 'libtorch', folder);
  const nvidia = join(dirname(root), 'nvidia');
  if (isPackage && existsSync(nvidia)) await copyNeeded(nvidia, 'nvidia', folder);
}

async function copyNeeded(from: string, top: string, folder: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = `${top}/${relative(from, path).split(sep).join('/')}`;
    if (entry.isDirectory() || !isNeeded(name)) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await copyFile(path, join(folder, name), constants.COPYFILE_FICLONE);
  }
}

/**
 * Fails unless the folder holds a libtorch that can be used, and whole: a CUDA wheel without its nvidia
 * libraries would load on no machine.
 *
 * @throws LibtorchError `ERR_LIBTORCH_INSTALL`
 */
export function verifyStage(folder: string): void {
  const result = inspectNamed(folder, thisPlatform);
  const reason = 'reason' in result ? result.reason : missingCuda(result.folder);
  if (reason) throw new LibtorchError(`The new libtorch ${reason}`, { code: 'ERR_LIBTORCH_INSTALL' });
}

function missingCuda({ root, flavour, cudaLibDirs }: LibtorchFolder): string | undefined {
  const isPackage = existsSync(join(root, 'version.py'));
  if (!isPackage || !flavour.startsWith('cu') || cudaLibDirs.length > 0) return undefined;
  return `is a ${flavour} build without the nvidia libraries it requires`;
}
