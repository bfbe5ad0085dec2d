import { type Bitmap, type Region, resample } from './bitmap.ts';
import type { ScenePlan, Thing } from './plan.ts';

/** A scene as bytes: red, green and blue interleaved, and the class of each pixel. */
export interface Painted {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** A drawing as it stands in a scene: colours multiplied by alpha, and where its corner is. */
interface Standing {
  readonly bitmap: Bitmap;
  readonly left: number;
  readonly top: number;
}

/** From which alpha on a pixel is of the drawing: where it covers half of it. */
const COVERED = 128;

/**
 * Paints a scene from the farthest thing to the nearest. The label of a pixel is the class of the nearest drawing that covers
 * half of it at least; shadows change colours and no labels.
 *
 * @param drawingOf the drawing of a thing, red, green, blue and alpha, cut to what can be seen of it
 */
export function paint(
  plan: ScenePlan,
  ground: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  drawingOf: (thing: Thing) => Bitmap,
): Painted {
  const canvas = { pixels: ground, labels: new Uint8Array(width * height), width, height };
  for (const thing of plan.things) {
    const standing = stand(thing, drawingOf(thing), width, height);
    castShadow(canvas, standing, plan.shadow);
    layOver(canvas, standing, thing.label);
  }
  return { pixels: Uint8Array.from(ground, Math.round), labels: canvas.labels };
}

interface Canvas {
  readonly pixels: Float32Array;
  readonly labels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

function stand(thing: Thing, drawing: Bitmap, width: number, height: number): Standing {
  const tall = Math.max(2, Math.round(thing.height * height));
  const wide = Math.max(2, Math.round((tall * drawing.width) / drawing.height));
  const all: Region = { left: 0, top: 0, width: drawing.width, height: drawing.height };
  const bitmap = resample(drawing, all, wide, tall);
  const left = Math.round(thing.x * width - wide / 2);
  const top = Math.round(thing.base * height) - tall;
  return { bitmap: thing.isMirrored ? mirrored(bitmap) : bitmap, left, top };
}

function mirrored({ data, width, height, channels }: Bitmap): Bitmap {
  const turned = new Float32Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < channels; channel++)
        turned[(y * width + x) * channels + channel] = data[
          (y * width + width - 1 - x) * channels + channel
        ] as number;
  return { data: turned, width, height, channels };
}

/** The drawing's outline, lying on the ground behind its foot, soft at the edges. */
function castShadow(
  { pixels, width, height }: Canvas,
  { bitmap, left, top }: Standing,
  { lean, length, strength }: ScenePlan['shadow'],
): void {
  const foot = top + bitmap.height;
  const reach = Math.ceil(length * bitmap.height);
  for (let y = Math.max(0, foot - reach); y < Math.min(height, foot); y++) {
    const up = (foot - y - 0.5) / length;
    const shift = lean * (foot - y);
    const soft = 1 + Math.round(up / 12);
    for (let x = 0; x < width; x++) {
      const covered = softAlpha(bitmap, x - left - shift, bitmap.height - up, soft) / 255;
      if (covered === 0) continue;
      const light = 1 - strength * covered;
      for (let at = 3 * (y * width + x); at < 3 * (y * width + x) + 3; at++)
        pixels[at] = (pixels[at] as number) * light;
    }
  }
}

/** The mean alpha of some pixels beside each other. */
function softAlpha(bitmap: Bitmap, x: number, y: number, soft: number): number {
  const row = Math.floor(y);
  if (row < 0 || row >= bitmap.height || x < -soft || x > bitmap.width + soft) return 0;
  let sum = 0;
  for (let i = -soft; i <= soft; i++) {
    const column = Math.floor(x) + i;
    if (column >= 0 && column < bitmap.width)
      sum += bitmap.data[4 * (row * bitmap.width + column) + 3] as number;
  }
  return sum / (2 * soft + 1);
}

function layOver(
  { pixels, labels, width, height }: Canvas,
  { bitmap, left, top }: Standing,
  label: number,
): void {
  for (let y = Math.max(0, -top); y < Math.min(bitmap.height, height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(bitmap.width, width - left); x++) {
      const from = 4 * (y * bitmap.width + x);
      const alpha = bitmap.data[from + 3] as number;
      if (alpha === 0) continue;
      const at = (top + y) * width + left + x;
      const behind = 1 - alpha / 255;
      for (let channel = 0; channel < 3; channel++)
        pixels[3 * at + channel] = Math.min(
          255,
          (pixels[3 * at + channel] as number) * behind + (bitmap.data[from + channel] as number),
        );
      if (alpha >= COVERED) labels[at] = label;
    }
  }
}
