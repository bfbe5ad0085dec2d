import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import type { LibtorchError } from '../../errors.ts';
import { problemError } from '../../problem.ts';
import { inspectNamed, type LibtorchFolder } from './inspect.ts';
import { type Platform, thisPlatform } from './platform.ts';
import { findPythonTorch } from './python.ts';
import { DEFAULT_VERSION, newestFirst, parseVersion, type TorchVersion } from './torch-version.ts';

/** Which setting led to the libtorch in use. */
export type LibtorchSource = 'LIBTORCH' | 'LIBTORCH_USE_PYTORCH' | 'cache';

/** A libtorch that this package can load, and how it was found. */
export interface Libtorch extends LibtorchFolder {
  source: LibtorchSource;
}

/** Where to look; the running process by default. */
export interface LocateOptions extends Partial<Platform> {
  env?: Environment;
}

interface Search extends Platform {
  env: Environment;
  /** One line per place looked at, with the reason it was rejected. */
  places: string[];
}

/**
 * Finds libtorch: the folder in `LIBTORCH`, the active Python's torch when `LIBTORCH_USE_PYTORCH=1`, else the
 * shared cache folder that `npx ibn-net install-libtorch` fills. A setting that is wrong is an error, it is
 * never passed over. In the cache `IBN_NET_LIBTORCH_VERSION` chooses (`2.14.1+cu130`, `2.14.1` or `2.14`),
 * else 2.13.0+cpu is preferred, else the newest.
 *
 * Takes a few file system calls; starts a process only for `LIBTORCH_USE_PYTORCH=1`.
 *
 * @throws LibtorchError `ERR_LIBTORCH_NOT_FOUND` or, for a wrong setting, `ERR_LIBTORCH_SETTING`; the message
 * lists every place looked at and the commands that help.
 * @example
 * const { root, version, flavour, source } = locateLibtorch();
 */
export function locateLibtorch(options: LocateOptions = {}): Libtorch {
  const { env = process.env, platform = thisPlatform.platform, arch = thisPlatform.arch } = options;
  const search: Search = { env, platform, arch, places: [] };
  return fromSetting(search) ?? fromPython(search) ?? fromCache(search) ?? notFound(search);
}

/** The folder of the cache that holds one subfolder per installed libtorch. */
export function libtorchCache(env: Environment = process.env, platform: string = process.platform): string {
  return join(cacheFolder(env, platform), 'libtorch');
}

function fromSetting(search: Search): Libtorch | undefined {
  const path = search.env.LIBTORCH;
  if (!path) return skip(search, 'LIBTORCH: not set');
  const result = inspectNamed(path, search);
  if ('folder' in result) return { ...result.folder, source: 'LIBTORCH' };
  search.places.push(`LIBTORCH=${path}: ${result.reason}`);
  return wrongSetting(search, 'LIBTORCH');
}

function fromPython(search: Search): Libtorch | undefined {
  const setting = search.env.LIBTORCH_USE_PYTORCH;
  if (!setting || setting === '0') return skip(search, 'LIBTORCH_USE_PYTORCH: not set to 1');
  if (setting !== '1') {
    search.places.push(`LIBTORCH_USE_PYTORCH=${setting}: expected 1 or 0`);
    return wrongSetting(search, 'LIBTORCH_USE_PYTORCH');
  }
  const found = findPythonTorch(search.env);
  const result = 'root' in found ? inspectNamed(found.root, search) : found;
  if ('folder' in result) return { ...result.folder, source: 'LIBTORCH_USE_PYTORCH' };
  const place = 'root' in found ? `: ${found.root}` : '';
  search.places.push(`LIBTORCH_USE_PYTORCH=1${place}: ${result.reason}`);
  return wrongSetting(search, 'LIBTORCH_USE_PYTORCH');
}

function fromCache(search: Search): Libtorch | undefined {
  const cache = libtorchCache(search.env, search.platform);
  const wanted = search.env.IBN_NET_LIBTORCH_VERSION;
  const names = installedNames(cache).filter((name) => !wanted || isVersion(name, wanted));
  for (const name of names) {
    const result = inspectNamed(join(cache, name), search);
    if ('folder' in result) return { ...result.folder, source: 'cache' };
    search.places.push(`${join(cache, name)}: ${result.reason}`);
  }
  if (names.length === 0) search.places.push(`${cache}: ${missing(cache, wanted)}`);
  return wanted ? wrongSetting(search, 'IBN_NET_LIBTORCH_VERSION') : undefined;
}

function missing(cache: string, wanted: string | undefined): string {
  if (wanted) return `no ${wanted} (IBN_NET_LIBTORCH_VERSION)`;
  return existsSync(cache) ? 'nothing installed' : 'no such folder';
}

/** The versions in the cache, in the order they are preferred. */
function installedNames(cache: string): string[] {
  const installed = (existsSync(cache) ? readdirSync(cache) : [])
    .map((name) => ({ name, parsed: parseVersion(name) }))
    .filter((entry): entry is { name: string; parsed: TorchVersion } => entry.parsed !== undefined);
  const rank = (name: string) => Number(name !== DEFAULT_VERSION);
  installed.sort((a, b) => rank(a.name) - rank(b.name) || newestFirst(a.parsed, b.parsed));
  return installed.map((entry) => entry.name);
}

/** Whether `2.14.1+cu130` is what `2.14.1+cu130`, `2.14.1` or `2.14` asks for. */
function isVersion(name: string, wanted: string): boolean {
  return name === wanted || name.startsWith(`${wanted}+`) || name.startsWith(`${wanted}.`);
}

function skip(search: Search, place: string): undefined {
  search.places.push(place);
}

const SOLUTIONS = {
  install: 'Install the CPU build in the cache folder: npx ibn-net install-libtorch',
  cuda: 'Install the CUDA 13 build in the cache folder: npx ibn-net install-libtorch --cuda',
  folder: 'Use a libtorch folder: export LIBTORCH=/path/to/libtorch',
  python: "Use the active Python's torch: export LIBTORCH_USE_PYTORCH=1",
};

function notFound(search: Search): never {
  const solutions = [SOLUTIONS.install, SOLUTIONS.cuda, SOLUTIONS.folder, SOLUTIONS.python];
  throw failure(search, solutions, 'ERR_LIBTORCH_NOT_FOUND');
}

function wrongSetting(search: Search, name: string): never {
  const what = name === 'IBN_NET_LIBTORCH_VERSION' ? 'default version' : 'cache folder';
  const solutions = [`Use the ${what} instead: unset ${name} && npx ibn-net install-libtorch`];
  if (name === 'LIBTORCH') solutions.push('Correct it: export LIBTORCH=/path/to/libtorch');
  if (name === 'LIBTORCH_USE_PYTORCH') {
    solutions.push("Give this Python a torch: python3 -m pip install 'torch==2.13.*'");
  }
  const wanted = search.env.IBN_NET_LIBTORCH_VERSION ?? '';
  if (name === 'IBN_NET_LIBTORCH_VERSION' && parseVersion(wanted)) {
    solutions.push(`Install that version: npx ibn-net install-libtorch --version ${wanted}`);
  }
  throw failure(search, solutions, 'ERR_LIBTORCH_SETTING');
}

function failure(search: Search, solutions: string[], code: string): LibtorchError {
  const headline = `Could not find libtorch for ${search.platform}-${search.arch}`;
  return problemError({ code, headline, details: search.places, solutions });
}
