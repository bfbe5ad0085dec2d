import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LibtorchError } from '../../errors.ts';
import { problemError } from '../../problem.ts';
import { SHIM } from './platform.ts';

const NAME = 'ibn-net';
const PLATFORM = `${process.platform}-${process.arch}`;

/** The folder of this package: a clone, or `node_modules/ibn-net`. */
export const packageRoot = findRoot(ownFile());

/** This module's file; undefined where a bundler made CommonJS of it, which has no `import.meta.url`. */
function ownFile(): string | undefined {
  const url: string | undefined = import.meta.url;
  return url === undefined ? undefined : fileURLToPath(url);
}

/** The folder around `lib` or `dist`, if it is this package's. @throws LibtorchError where it is not: a bundler's work. */
function findRoot(file: string | undefined): string {
  if (file === undefined) throw bundledError('a CommonJS bundle');
  const root = rootOf(file);
  // Without its package.json where somebody copied what runs, and no more.
  if (nameIn(root) === NAME || existsSync(join(root, 'prebuilds', PLATFORM, SHIM))) return root;
  throw bundledError(file);
}

/** The package's folder, from a file anywhere below its `lib` or `dist`. */
function rootOf(file: string): string {
  const parts = dirname(file).split(sep);
  const at = parts.findLastIndex((part) => part === 'lib' || part === 'dist');
  return parts.slice(0, at).join(sep);
}

function nameIn(root: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name?: string }).name;
  } catch {
    return undefined;
  }
}

/** What is thrown where a bundler took the package in: its code is in `place`. */
export function bundledError(place: string): LibtorchError {
  return problemError({
    code: 'ERR_BUNDLED',
    headline: `Expected ${NAME} in a folder of its own, got its code in ${place}: a bundler took it away from its native module`,
    solutions: [
      `Mark ${NAME} external, and install it where the program runs`,
      `esbuild: --external:${NAME}`,
      `vite: ssr: { external: ['${NAME}'] }, and for a library build.rollupOptions.external: ['${NAME}']`,
      `webpack: externals: { '${NAME}': 'commonjs ${NAME}' }`,
      `Next.js: serverExternalPackages: ['${NAME}']`,
      `Copied by hand: take the whole folder node_modules/${NAME}, or dist with package.json and prebuilds beside it`,
      `More: docs/bundlers.md of the package`,
    ],
  });
}

/** Whether the package is a clone, with sources and tests, and not one that was installed. */
export function isClone(root: string = packageRoot): boolean {
  return existsSync(join(root, 'lib', 'binding.ts'));
}

/** Whether the package has its package.json, which says its version. */
export function hasManifest(root: string = packageRoot): boolean {
  return nameIn(root) === NAME;
}

/** The version in the package's package.json. */
export function packageVersion(root: string = packageRoot): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
