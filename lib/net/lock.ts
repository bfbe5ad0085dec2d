import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const STALE_MS = 15_000;
const POLL_MS = 250;

/**
 * Runs `work` while no other process holds the lock of `path` (a folder `<path>.lock` beside it). Waits for
 * as long as another process holds it; the lock of a process that died is taken over after 15 seconds.
 *
 * `onWait` is called once when waiting begins; `work` learns whether it waited. When the lock is lost (the
 * machine slept), the signal given to `work` fires.
 */
export async function withLock<T>(
  path: string,
  work: (held: { waited: boolean; lost: AbortSignal }) => Promise<T>,
  options: { onWait?: () => void; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const { lock } = (await import('proper-lockfile')).default;
  await mkdir(dirname(path), { recursive: true });
  const lost = new AbortController();
  const settings = {
    realpath: false,
    stale: STALE_MS,
    update: STALE_MS / 3,
    onCompromised: (error: Error) => lost.abort(error),
  };
  let waited = false;
  for (;;) {
    const release = await lock(path, settings).catch(rethrowUnlessHeld);
    if (release) {
      try {
        return await work({ waited, lost: lost.signal });
      } finally {
        if (!lost.signal.aborted) await release();
      }
    }
    if (!waited) options.onWait?.();
    waited = true;
    await sleep(POLL_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}

function rethrowUnlessHeld(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ELOCKED') throw error;
}
