import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder, from a file anywhere below its `lib` or `dist`. */
function rootOf(file: string): string {
  const parts = dirname(file).split(sep);
  const at = parts.findLastIndex((part) => part === 'lib' || part === 'dist');
  return parts.slice(0, at).join(sep);
}

/** The folder of this package: a clone, or `node_modules/ibn-net`. */
export const packageRoot = rootOf(fileURLToPath(import.meta.url));

/** Whether the package is a clone, with sources and tests, and not one that was installed. */
export function isClone(root: string = packageRoot): boolean {
  return existsSync(join(root, 'lib', 'binding.ts'));
}

/** The version in the package's package.json. */
export function packageVersion(root: string = packageRoot): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
