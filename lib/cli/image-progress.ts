/** Where a {@link ImageProgress} writes: standard error, or what stands for it. */
export interface ProgressStream {
  write(text: string | Uint8Array): unknown;
  isTTY?: boolean;
}

/** A bar only where so many images make one worth looking at. */
const SHOWN_FROM = 9;
const WIDTH = 30;
const CLEAR_LINE = '\r\x1b[K';

/**
 * A line on a terminal that says how many images are done, for output that scrolls by on the same terminal:
 * `clear()` before printing, `advance()` after. (cli-progress puts its bar at one place of the screen.)
 */
export class ImageProgress {
  private readonly total: number;
  private readonly stream: ProgressStream;
  private readonly shown: boolean;
  private readonly began = performance.now();
  private done = 0;

  constructor(total: number, stream: ProgressStream) {
    this.total = total;
    this.stream = stream;
    this.shown = stream.isTTY === true && total >= SHOWN_FROM;
    this.draw();
  }

  clear(): void {
    if (this.shown) this.stream.write(CLEAR_LINE);
  }

  advance(images: number): void {
    this.done += images;
    this.draw();
  }

  private draw(): void {
    if (!this.shown || this.done >= this.total) return;
    const filled = Math.floor((WIDTH * this.done) / this.total);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    this.stream.write(`${CLEAR_LINE}${bar} ${this.done}/${this.total} images${this.remaining()}`);
  }

  private remaining(): string {
    if (this.done === 0) return '';
    const seconds = (performance.now() - this.began) / 1000;
    return `, ${Math.ceil((seconds * (this.total - this.done)) / this.done)} s left`;
  }
}
