import type { Sliced } from './pixels.ts';
import { commentEnd, isSpace } from './pnm-token.ts';
import { truncated, Unreadable } from './unreadable.ts';

const MAX_DIGITS = 10;
const HASH = 0x23;
const ZERO = 0x30;

/** Bits of a plain PBM, written as 0 and 1 with or without spaces, as gray: 1 is black. */
export function* readPlainBits(bytes: Uint8Array, count: number): Sliced<Uint8Array> {
  const gray = new Uint8Array(count);
  let to = 0;
  // What follows the last bit is looked at too, as in Pillow. Writes past the end are dropped by the array.
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === ZERO || byte === ZERO + 1) gray[to++] = byte === ZERO ? 255 : 0;
    else if (byte === HASH) at = commentEnd(bytes, at) - 1;
    else if (!isSpace(byte)) throw unexpected(byte);
    if ((at & 0xffff) === 0xffff) yield;
  }
  if (to < count) throw truncated();
  return gray;
}

/** Numbers of a plain PGM or PPM, each at most `white`. */
export function* readPlainSamples(bytes: Uint8Array, count: number, white: number): Sliced<Uint16Array> {
  const samples = new Uint16Array(count);
  let to = 0;
  let value = 0;
  let digits = 0;
  for (let at = 0; to < count; at++) {
    const byte = bytes[at];
    if (byte === undefined || isSpace(byte)) {
      if (digits > 0) samples[to++] = checked(value, digits, white);
      if (byte === undefined) break;
      value = digits = 0;
    } else if (byte === HASH) {
      at = commentEnd(bytes, at) - 1;
    } else if (byte >= ZERO && byte <= ZERO + 9) {
      value = value * 10 + (byte - ZERO);
      digits++;
    } else throw unexpected(byte);
    if ((at & 0xffff) === 0xffff) yield;
  }
  if (to < count) throw truncated();
  return samples;
}

function checked(value: number, digits: number, white: number): number {
  if (digits > MAX_DIGITS) throw new Unreadable('a number in it is too long');
  if (value > white) throw new Unreadable(`a value in it is ${value}, more than its maximum ${white}`);
  return value;
}

function unexpected(byte: number): Unreadable {
  return new Unreadable(`it has the byte 0x${byte.toString(16).padStart(2, '0')} where a number belongs`);
}
