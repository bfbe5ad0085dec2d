import { closeSync, openSync, readSync } from 'node:fs';

/**
 * How often a waiting thread of libgomp's looks before it sleeps. By itself it looks 300,000 times, and takes the core from whom it waits
 * for on a machine with other work. These are the most and the least that cost nothing on a machine without: a look takes several times
 * longer on Intel's processors than on AMD's (`bench/contention.mjs`).
 */
const SPINS = { AuthenticAMD: '2000', others: '20000' };

/** Of the processor, where /proc/cpuinfo names it in its first lines, as on x86. */
function vendor(): string | undefined {
  try {
    const file = openSync('/proc/cpuinfo', 'r');
    const start = Buffer.alloc(256);
    const length = readSync(file, start);
    closeSync(file);
    return /^vendor_id\s*: (\S+)/m.exec(start.toString('latin1', 0, length))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Has libgomp's threads wait briefly, where the user told nothing of it. libgomp reads its variables once, as it is loaded.
 *
 * @returns what takes the variable away again, so that child processes do not inherit it
 */
export function limitSpinning(env: NodeJS.ProcessEnv = process.env): () => void {
  if (env.GOMP_SPINCOUNT !== undefined || env.OMP_WAIT_POLICY !== undefined) return () => {};
  env.GOMP_SPINCOUNT = vendor() === 'AuthenticAMD' ? SPINS.AuthenticAMD : SPINS.others;
  return () => {
    delete env.GOMP_SPINCOUNT;
  };
}
