import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's sources and its bundles, which source maps may call by the names of the sources. */
const OWN = ownFolders(fileURLToPath(import.meta.url));
const FRAME = /^\s*at (?:(?:async )?(.*?) \((.+):(\d+):\d+\)|(?:async )?(.+):(\d+):\d+)$/;

/** A line of a call stack. */
export interface Frame {
  /** The function, as V8 calls it; empty at the top of a file. */
  readonly name: string;
  readonly path: string;
  readonly line: string;
  /** Of this package. */
  readonly isOwn: boolean;
}

/** The frame that a line of `error.stack` describes; undefined for its message and for native frames. */
export function parseFrame(text: string): Frame | undefined {
  const match = FRAME.exec(text);
  if (match === null) return undefined;
  const path = pathOf((match[2] ?? match[4]) as string);
  return {
    name: match[1] ?? '',
    path,
    line: (match[3] ?? match[5]) as string,
    isOwn: OWN.some((folder) => path.startsWith(folder)),
  };
}

/** Whether a frame is of code that a person wrote: neither this package's nor Node.js's own. */
export const isForeign = (frame: Frame): boolean => !frame.isOwn && !frame.path.startsWith('node:');

function pathOf(file: string): string {
  try {
    return file.startsWith('file://') ? fileURLToPath(file) : file;
  } catch {
    return file;
  }
}

function ownFolders(file: string): readonly string[] {
  const parts = dirname(file).split(sep);
  const at = parts.findLastIndex((part) => part === 'lib' || part === 'dist');
  return ['lib', 'dist'].map((name) => [...parts.slice(0, at), name, ''].join(sep));
}
