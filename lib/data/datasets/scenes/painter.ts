import { scope, type Tensor } from '../../../tensor/index.ts';
import { fromOwnBytes } from '../../../tensor/own-bytes.ts';
import type { Bitmap } from './bitmap.ts';
import { type Drawings, loadDrawings } from './drawings.ts';
import { paintGround } from './ground.ts';
import type { Look } from './options.ts';
import { paint } from './paint.ts';
import { loadPhotograph, type Photograph } from './photographs.ts';
import { planScene } from './plan.ts';

/** Paints scenes of one style on some photographs. */
export class ScenePainter {
  readonly style: string;
  readonly look: Look;
  readonly photographs: readonly Photograph[];
  readonly #drawings: Drawings;
  readonly #bitmaps: readonly Bitmap[];

  static async load(style: string, photographs: readonly Photograph[], look: Look): Promise<ScenePainter> {
    const bitmaps: Bitmap[] = [];
    for (const each of photographs) bitmaps.push(await loadPhotograph(each, look.height, look.width));
    return new ScenePainter(style, look, photographs, await loadDrawings(style, look), bitmaps);
  }

  private constructor(
    style: string,
    look: Look,
    photographs: readonly Photograph[],
    drawings: Drawings,
    bitmaps: readonly Bitmap[],
  ) {
    this.style = style;
    this.look = look;
    this.photographs = photographs;
    this.#drawings = drawings;
    this.#bitmaps = bitmaps;
  }

  /** The same drawings on some of the photographs, under another seed. */
  with(photographs: readonly Photograph[], seed: number): ScenePainter {
    const bitmaps = this.#bitmaps.filter((_, i) => photographs.includes(this.photographs[i] as Photograph));
    return new ScenePainter(this.style, { ...this.look, seed }, photographs, this.#drawings, bitmaps);
  }

  /** Scene `index`, uint8 (3, height, width), and the class of each pixel, uint8 (height, width). */
  paint(index: number): { image: Tensor; mask: Tensor } {
    const { height, width, seed } = this.look;
    const key = `${seed}:${this.style}:${index}`;
    const plan = planScene(key, this.look, this.#bitmaps.length, this.#drawings.counts);
    const ground = paintGround(plan.ground, plan.horizon, this.#bitmaps, this.look);
    const drawingOf = ({ label, drawing }: { label: number; drawing: number }) =>
      this.#drawings.get(label, drawing);
    const { pixels, labels } = paint(plan, ground, this.look, drawingOf);
    return scope(() => ({
      image: fromOwnBytes(pixels, 'uint8', [height, width, 3]).permute([2, 0, 1]).contiguous(),
      mask: fromOwnBytes(labels, 'uint8', [height, width]),
    }));
  }

  /** All that decides what the scenes look like, as plain values. */
  describe(): Record<string, unknown> {
    const { height, width, least, most, plain, seed } = this.look;
    const photographs = this.photographs.map(({ name, digest }) => ({ name, digest }));
    const { version, drawnBy } = this.#drawings;
    return {
      ...{ style: this.style, version, drawnBy, size: [height, width] },
      ...{ things: [least, most], plain, seed, photographs },
    };
  }
}
