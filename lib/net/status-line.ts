/** Where a status line is drawn: standard error, or what stands for it. */
export interface StatusStream {
  write(text: string | Uint8Array): unknown;
  isTTY?: boolean;
  columns?: number;
}

const CLEAR_LINE = '\r\x1b[K';
const USUAL_COLUMNS = 80;
const LONGEST_BAR = 30;
const SHORTEST_BAR = 8;

/** What a line says, in the order in which it gives way: the note, the label, the bar. The count stays whole. */
export interface StatusParts {
  readonly label?: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly count: string;
  readonly note?: string;
}

/** Whether a line can be drawn again on this stream: a terminal, and one that knows how to clear a line. */
export function isRedrawable(stream: StatusStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** A line at the bottom of what scrolls by on a terminal. `clear()` before other text is printed, `draw()` after it. */
export class StatusLine {
  readonly #stream: StatusStream;

  constructor(stream: StatusStream) {
    this.#stream = stream;
  }

  clear(): void {
    this.#stream.write(CLEAR_LINE);
  }

  draw(parts: StatusParts): void {
    this.#stream.write(CLEAR_LINE + statusText(parts, this.#stream.columns));
  }

  /** Leaves the line where it is: what follows begins on the next. */
  end(): void {
    this.#stream.write('\n');
  }
}

/** The text of a status line, which never reaches the last column: it would wrap, and only its end would be cleared. */
export function statusText({ label = '', share, count, note = '' }: StatusParts, columns?: number): string {
  const room = (columns || USUAL_COLUMNS) - 1;
  const choices = [
    { front: label, back: `${count}${note}` },
    { front: label, back: count },
    { front: '', back: count },
  ];
  for (const { front, back } of choices) {
    const length = Math.min(LONGEST_BAR, room - back.length - 1 - (front === '' ? 0 : front.length + 1));
    if (length >= SHORTEST_BAR) return [front, bar(share, length), back].filter(Boolean).join(' ');
  }
  return count;
}

function bar(share: number, length: number): string {
  const filled = Math.floor(length * Math.min(1, share));
  return '█'.repeat(filled) + '░'.repeat(length - filled);
}

/** How long the rest takes, if it goes on as since `began`: `, 12 s left`. Empty while that cannot be told. */
export function timeLeft(began: number, done: number, total: number): string {
  if (done <= 0) return '';
  const seconds = Math.ceil(((performance.now() - began) / 1000) * ((total - done) / done));
  return seconds < 120 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`;
}
