import { truncated, Unreadable } from './unreadable.ts';

const MAX_TOKEN = 10;
const HASH = 0x23;

/** What separates numbers in PNM, and in Python: space, tab, line feed, vertical tab, form feed, carriage return. */
export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

export function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d;
}

/**
 * The next number of a header and the one space after it. A comment goes from # through the end of its line and
 * separates nothing, as in Pillow.
 */
export function readToken(bytes: Uint8Array, cursor: { at: number }): string {
  let token = '';
  while (token.length <= MAX_TOKEN && cursor.at < bytes.length) {
    const byte = bytes[cursor.at++] as number;
    if (isSpace(byte)) {
      if (token !== '') break;
    } else if (byte === HASH) {
      cursor.at = commentEnd(bytes, cursor.at);
    } else token += String.fromCharCode(byte);
  }
  if (token === '') throw truncated();
  if (token.length > MAX_TOKEN) throw new Unreadable('a number in its header is too long');
  return token;
}

/** The place after the end of the line. */
export function commentEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && !isLineEnd(bytes[end])) end++;
  return end + 1;
}
