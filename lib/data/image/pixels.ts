import { setImmediate } from 'node:timers/promises';
import { Unreadable } from './unreadable.ts';

/** A decoded image: rows from the top, pixels from the left, three bytes (R, G, B) each. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Work that may be interrupted at every `yield`. */
export type Sliced<Result> = Generator<void, Result, void>;

/** Pillow's `Image.MAX_IMAGE_PIXELS` (12.3): a quarter gigabyte of RGB. It warns from there, refuses from twice that. */
export const WARNED_PIXELS = Math.floor((1024 * 1024 * 1024) / 4 / 3);
/** The most pixels that Pillow decodes. */
export const MAX_PIXELS = 2 * WARNED_PIXELS;

/** How long work may hold up the event loop. */
export const SLICE_MS = 4;

/** Runs work to its end, giving way to the event loop every few milliseconds. */
export async function inSlices<Result>(work: Sliced<Result>): Promise<Result> {
  let until = performance.now() + SLICE_MS;
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() < until) continue;
    await setImmediate();
    until = performance.now() + SLICE_MS;
  }
}

/** Refuses sizes without pixels and, before memory is taken for them, sizes over the limit. */
export function checkSize(width: number, height: number, maxPixels: number): void {
  if (!(width > 0 && height > 0)) throw new Unreadable(`its size is ${width}x${height}`);
  const pixels = width * height;
  if (pixels > maxPixels) {
    throw new Unreadable(`its ${width}x${height} pixels are more than ${maxPixels}`, 'ERR_IMAGE_TOO_LARGE');
  }
  if (pixels <= WARNED_PIXELS || maxPixels > MAX_PIXELS) return;
  process.emitWarning(
    `an image of ${width}x${height} pixels is decoded: more than ${WARNED_PIXELS}, which may be an attack`,
    { code: 'IBN_IMAGE_LARGE' },
  );
}
