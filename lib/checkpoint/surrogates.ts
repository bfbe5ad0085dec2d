import { isUtf8 } from 'node:buffer';

// A JavaScript or Python text may hold half of a surrogate pair, which UTF-8 has no bytes for. Python's pickles write
// the three bytes that would follow from its number ("surrogatepass"), and so do we.
const FIRST = 0xd800;
const LAST = 0xdfff;
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Whether a text has no half of a surrogate pair. */
export function isWellFormed(text: string): boolean {
  return text.search(HALF) < 0;
}

/** The text in UTF-8, with halves of surrogate pairs in three bytes each. */
export function encodeText(text: string): Buffer {
  if (isWellFormed(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let at = 0;
  for (const { index, 0: half } of text.matchAll(HALF)) {
    const unit = half.charCodeAt(0);
    parts.push(Buffer.from(text.slice(at, index), 'utf8'));
    parts.push(Buffer.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)));
    at = index + 1;
  }
  return Buffer.concat([...parts, Buffer.from(text.slice(at), 'utf8')]);
}

/** A text from such bytes; undefined if they are neither UTF-8 nor that. Two halves side by side become one pair. */
export function decodeText(bytes: Buffer): string | undefined {
  let text = '';
  let from = 0;
  for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) {
    const unit =
      ((bytes[at] ?? 0) & 0x0f) * 4096 + ((bytes[at + 1] ?? 0) & 0x3f) * 64 + ((bytes[at + 2] ?? 0) & 0x3f);
    const isThree = isFollowing(bytes[at + 1]) && isFollowing(bytes[at + 2]);
    if (!isThree || unit < FIRST || unit > LAST) continue;
    const before = plain(bytes.subarray(from, at));
    if (before === undefined) return undefined;
    text += before + String.fromCharCode(unit);
    from = at + 3;
  }
  const rest = plain(bytes.subarray(from));
  return rest === undefined ? undefined : text + rest;
}

function isFollowing(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function plain(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
