import { Unreadable } from './unreadable.ts';

const START = 0xd8;
const END = 0xd9;

/**
 * Refuses a damaged JPEG with markers that libjpeg fails at, to the file's end: libvips stops reading at the last row, so
 * that what lies behind a damage passes unseen. Stray bytes before a marker are skipped, as libjpeg does.
 */
export function checkJpegMarkers(bytes: Uint8Array): void {
  let frames = 0;
  for (let at = 2; ; ) {
    at = bytes.indexOf(0xff, at);
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (at <= 0 || marker === undefined || marker === END) return;
    // Data may hold 0xff before a zero, and restarts.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (isFrame(marker)) frames++;
    if (isUnknown(marker) || frames > 1) throw broken(marker);
    at += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

function isUnknown(marker: number): boolean {
  return marker < 0xc0 || marker === 0xc8 || marker === START || isReserved(marker);
}

/** DHP, EXP and JPG0 to JPG13. */
function isReserved(marker: number): boolean {
  return marker === 0xde || marker === 0xdf || (marker >= 0xf0 && marker <= 0xfd);
}

function broken(marker: number): Unreadable {
  return new Unreadable(`the JPEG data is broken by the marker 0x${marker.toString(16).padStart(2, '0')}`);
}
