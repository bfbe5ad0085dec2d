import type { SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 5_000;

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
 * const progress = await byteProgress('torch-2.13.0+cpu');
 * progress.update(1_000_000, 2_000_000);
 * progress.stop();
 */
export async function byteProgress(
  label: string,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<Progress> {
  return stream.isTTY ? bar(label, stream) : lines(label, stream);
}

async function bar(label: string, stream: NodeJS.WriteStream): Promise<Progress> {
  const { default: cliProgress } = await import('cli-progress');
  const shown: SingleBar = new cliProgress.SingleBar({
    format: `${label} {bar} {percentage}% {mb} MB, {eta_formatted} left`,
    hideCursor: true,
    etaBuffer: 100,
    stream,
  });
  let started = false;
  return {
    update(done, total) {
      const payload = { mb: `${megabytes(done)}/${megabytes(total ?? done)}` };
      if (!started) shown.start(total ?? done, done, payload);
      started = true;
      shown.update(done, payload);
    },
    stop: () => shown.stop(),
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
