import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version used when nothing else is asked for. */
export const DEFAULT_VERSION = '2.13.0+cpu';
/** The version that `install-libtorch --cuda` installs. */
export const DEFAULT_CUDA_VERSION = '2.14.1+cu130';

const OLDEST_MINOR = 11;
const NEWEST_MINOR = 14;

/** The supported releases in words, for messages. */
export const SUPPORTED = `2.${OLDEST_MINOR} to 2.${NEWEST_MINOR}`;

/** A release (`2.13.0`) and its flavour: `cpu`, `cu130` and the like, or `''` when nothing states it. */
export interface TorchVersion {
  version: string;
  flavour: string;
}

/** Splits `2.13.0+cpu`; gives `undefined` for anything that is not a release number. */
export function parseVersion(text: string): TorchVersion | undefined {
  const match = /^(\d+\.\d+\.\d+(?:(?:a|b|rc|\.dev)\d+)?)(?:\+([\w.]+))?$/.exec(text.trim());
  return match ? { version: match[1] as string, flavour: match[2] ?? '' } : undefined;
}

/** Reads the text of a torch package's `version.py`. */
export function parseVersionPy(text: string): TorchVersion | undefined {
  const parsed = parseVersion(/^__version__[^=\n]*=\s*'([^']+)'/m.exec(text)?.[1] ?? '');
  if (!parsed) return undefined;
  // A package built from source has no local part in its version.
  const cuda = /^cuda\b[^=\n]*=\s*'([\d.]+)'/m.exec(text)?.[1];
  const assumed = cuda ? `cu${cuda.replaceAll('.', '')}` : 'cpu';
  return { version: parsed.version, flavour: parsed.flavour || assumed };
}

/** Whether this package has, or can build, a binding for the release. */
export function isSupported(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major === 2 && minor !== undefined && minor >= OLDEST_MINOR && minor <= NEWEST_MINOR;
}

/** Orders releases, newest first; the CPU build before others of the same release. */
export function newestFirst(a: TorchVersion, b: TorchVersion): number {
  const byRelease = b.version.localeCompare(a.version, 'en', { numeric: true });
  return byRelease || Number(b.flavour === 'cpu') - Number(a.flavour === 'cpu');
}

/**
 * Reads the version of a libtorch folder from its files, loading nothing: a wheel's `version.py`, a zip's
 * `build-version`, else what its CMake configuration says.
 */
export function readVersion(root: string): TorchVersion | undefined {
  return (
    parseVersionPy(readText(join(root, 'version.py'))) ??
    parseVersion(readText(join(root, 'build-version'))) ??
    fromCMake(root)
  );
}

function fromCMake(root: string): TorchVersion | undefined {
  const text = readText(join(root, 'share', 'cmake', 'Torch', 'TorchConfigVersion.cmake'));
  return parseVersion(/PACKAGE_VERSION\s+"([^"]+)"/.exec(text)?.[1] ?? '');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
