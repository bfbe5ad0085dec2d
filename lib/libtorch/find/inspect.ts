import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { elfArchitecture, libraryName, type Platform } from './platform.ts';
import { isSupported, readVersion, SUPPORTED, type TorchVersion } from './torch-version.ts';

/** What a usable libtorch folder holds. */
export interface LibtorchFolder {
  /** The folder that holds `lib` and `include`: a zip's `libtorch` or a wheel's `torch`. */
  root: string;
  /** The folder of `libtorch_cpu`. */
  libDir: string;
  /** The include folders of libtorch's C++ API, those that exist; empty in a build without headers. */
  includeDirs: string[];
  /** The release, for example `2.13.0`. */
  version: string;
  /** `cpu`, `cu130` and the like. */
  flavour: string;
  /** The library folders of the nvidia packages beside a CUDA wheel; empty otherwise. */
  cudaLibDirs: string[];
  /** The include folders of the nvidia packages beside a CUDA wheel; empty otherwise. */
  cudaIncludeDirs: string[];
}

/** A folder described, or the reason it cannot be used. */
export type Inspection = { folder: LibtorchFolder } | { reason: string };

/** Looks at a folder a person named: libtorch itself, its `lib`, or the folder above it. */
export function inspectNamed(path: string, system: Platform): Inspection {
  const kind = statSync(path, { throwIfNoEntry: false });
  if (!kind) return { reason: 'no such folder' };
  if (!kind.isDirectory()) return { reason: 'not a folder' };
  const core = join('lib', libraryName('torch_cpu', system.platform));
  const above = basename(path) === 'lib' ? [dirname(path)] : [];
  const roots = [path, join(path, 'torch'), join(path, 'libtorch'), ...above];
  const root = roots.find((candidate) => existsSync(join(candidate, core)));
  return root ? inspectRoot(root, system) : { reason: `has no ${core}` };
}

function inspectRoot(root: string, system: Platform): Inspection {
  const missing = ['torch_cpu', 'torch', 'c10']
    .map((name) => join('lib', libraryName(name, system.platform)))
    .find((name) => !existsSync(join(root, name)));
  if (missing) return { reason: `has no ${missing}` };
  const built = elfArchitecture(join(root, 'lib', libraryName('c10', system.platform)));
  if (built && built !== system.arch)
    return { reason: `is built for ${built}, this process is ${system.arch}` };
  const found = readVersion(root);
  if (!found) return { reason: 'does not tell its version (no version.py, build-version or share/cmake)' };
  if (!isSupported(found.version)) {
    return { reason: `version ${found.version} is not supported, expected ${SUPPORTED}` };
  }
  return { folder: describe(root, found, system) };
}

function describe(root: string, found: TorchVersion, system: Platform): LibtorchFolder {
  const include = join(root, 'include');
  return {
    root,
    libDir: join(root, 'lib'),
    includeDirs: [include, join(include, 'torch', 'csrc', 'api', 'include')].filter((path) =>
      existsSync(path),
    ),
    version: found.version,
    flavour: found.flavour || guessFlavour(root, system),
    cudaLibDirs: nvidiaFolders(root, 'lib'),
    cudaIncludeDirs: nvidiaFolders(root, 'include'),
  };
}

function guessFlavour(root: string, system: Platform): string {
  return existsSync(join(root, 'lib', libraryName('torch_cuda', system.platform))) ? 'cuda' : 'cpu';
}

/** The `lib` or `include` folders of the nvidia packages that pip lays beside the torch package. */
function nvidiaFolders(root: string, kind: 'lib' | 'include'): string[] {
  const base = join(dirname(root), 'nvidia');
  if (basename(root) !== 'torch' || !existsSync(base)) return [];
  return readdirSync(base)
    .sort()
    .map((name) => join(base, name, kind))
    .filter((path) => existsSync(path));
}
