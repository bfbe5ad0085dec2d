import { isRedrawable, StatusLine, timeLeft } from './status-line.ts';

const LINE_EVERY_MS = 5_000;
const DRAWN_EVERY_MS = 100;

/** Shows how far a long task is; `stop` ends the display. */
export interface Progress {
  update(done: number, total: number | undefined): void;
  stop(): void;
}

/**
 * Shows bytes done on standard error: a bar on a terminal, else a plain line every five seconds, and nothing
 * at all for what takes less.
 *
 * @example
 * const progress = byteProgress('torch-2.13.0+cpu');
 * progress.update(1_000_000, 2_000_000);
 * progress.stop();
 */
export function byteProgress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  return isRedrawable(stream) ? bar(label, stream) : lines(label, stream);
}

function bar(label: string, stream: NodeJS.WriteStream): Progress {
  const line = new StatusLine(stream);
  // What is there at the first update came from an earlier download.
  let first: { done: number; at: number } | undefined;
  let drawn = 0;
  return {
    update(done, total = done) {
      const now = performance.now();
      first ??= { done, at: now };
      if (drawn > 0 && done < total && now - drawn < DRAWN_EVERY_MS) return;
      drawn = now;
      const share = total > 0 ? done / total : 1;
      const count = `${Math.floor(100 * share)}% ${megabytes(done)}/${megabytes(total)} MB`;
      const note = done < total ? timeLeft(first.at, done - first.done, total - first.done) : '';
      line.draw({ label, share, count, note });
    },
    stop: () => {
      if (drawn > 0) line.end();
    },
  };
}

function lines(label: string, stream: NodeJS.WriteStream): Progress {
  let last = Date.now();
  return {
    update(done, total) {
      if (Date.now() - last < LINE_EVERY_MS) return;
      last = Date.now();
      const share = total ? ` of ${megabytes(total)} MB, ${Math.floor((100 * done) / total)} %` : ' MB';
      stream.write(`${label}: ${megabytes(done)}${share}\n`);
    },
    stop: () => undefined,
  };
}

/** Bytes as a number of megabytes (10^6). */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
