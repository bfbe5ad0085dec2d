import { isRedrawable, StatusLine, type StatusStream, timeLeft } from '../../net/status-line.ts';

/** A bar only where so many images make one worth looking at. */
const SHOWN_FROM = 9;

/**
 * A line on a terminal that says how many images are done, for output that scrolls by on the same terminal:
 * `clear()` before printing, `advance()` after, so that it stands while the next images are computed.
 */
export class ImageProgress {
  readonly #total: number;
  readonly #line: StatusLine | undefined;
  readonly #began = performance.now();
  #done = 0;

  constructor(total: number, stream: StatusStream) {
    this.#total = total;
    this.#line = isRedrawable(stream) && total >= SHOWN_FROM ? new StatusLine(stream) : undefined;
    this.#draw();
  }

  clear(): void {
    this.#line?.clear();
  }

  advance(images: number): void {
    this.#done += images;
    this.#draw();
  }

  #draw(): void {
    if (this.#done >= this.#total) return;
    this.#line?.draw({
      share: this.#done / this.#total,
      count: `${this.#done}/${this.#total} images`,
      note: timeLeft(this.#began, this.#done, this.#total),
    });
  }
}
