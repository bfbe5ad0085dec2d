import { isUtf8 } from 'node:buffer';
import { homedir } from 'node:os';
import { sep } from 'node:path';
import { checkPositions, checkText } from '../options.ts';

// A low surrogate that is no second half of a pair.
const ESCAPED = /((?<![\ud800-\udbff])[\udc80-\udcff])/;

/**
 * A file's name as Python's `os.fsdecode` gives it: bytes that are not UTF-8 become the lone surrogates U+DC80 to
 * U+DCFF (PEP 383), so that every name has a string of its own.
 */
export function fsDecode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(0xdc00 + (bytes[at] as number))
        : bytes.toString('utf8', at, at + length);
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the UTF-8 sequence that begins at `at`; 0 where there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/**
 * What Node's `fs` takes for a path of `ImageFolder` or {@link findImages}: the bytes of a name that is not
 * UTF-8, as Python's `os.fsencode` gives them, else the path itself.
 *
 * @example
 * const bytes = await readFile(datasets.fsEncode(folder.samples[0][0]));
 */
export function fsEncode(path: string): string | Buffer {
  checkPositions('fsEncode', arguments, 1);
  checkText('fsEncode', 'a path', path);
  if (!ESCAPED.test(path)) return path;
  const bytes = path
    .split(ESCAPED)
    .map((part, index) => (index % 2 === 1 ? Buffer.of(part.charCodeAt(0) - 0xdc00) : Buffer.from(part)));
  return Buffer.concat(bytes);
}

/** Python's order of strings, by code point; JavaScript's differs outside the basic plane. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    if (a.charCodeAt(at) === b.charCodeAt(at)) continue;
    // A difference in the second half of a pair shows in the code unit as it does in the code point.
    return (a.codePointAt(at) as number) - (b.codePointAt(at) as number);
  }
  return a.length - b.length;
}

/** Python's `os.path.join` of a folder and a name: the folder stays as it is written. */
export function joinPath(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') || folder.endsWith(sep)
    ? folder + name
    : `${folder}${sep}${name}`;
}

/** Python's `os.path.expanduser` for the user's own home: `~` and what is below it. */
export function expandUser(path: string): string {
  return path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path;
}
