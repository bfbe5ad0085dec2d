import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../libtorch/find/package-root.ts';
import { problemMessage } from '../../problem.ts';
import type { Info } from './collect-info.ts';

/** What a process of its own found, or how it ended instead. */
export type InfoRun = { info: Info } | { died: string };

const TIMEOUT_MS = 120_000;
const CLI = join(packageRoot, 'dist', 'cli', 'main.js');

/** Runs `ibn-net info` in a process of its own, which a broken library or driver may end. */
export function runInfo(): InfoRun {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawnSync(process.execPath, [CLI, 'info', '--json', '--here'], {
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    return { info: JSON.parse(child.stdout) as Info };
  } catch {
    return { died: howItDied(child) };
  }
}

function howItDied({ error, signal, status, stderr }: ReturnType<typeof spawnSync>): string {
  const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
  const how = isLate ? `a time limit of ${TIMEOUT_MS / 1000} s` : (signal ?? `exit code ${status}`);
  const said = String(stderr ?? '')
    .trim()
    .split('\n')
    .at(-1);
  return problemMessage({
    headline: `Could not load libtorch: a process that tried was ended by ${how}${said ? ` (${said})` : ''}`,
    solutions: [
      'See which part is at fault: npx ibn-net doctor',
      'Install libtorch again: npx ibn-net install-libtorch --force',
    ],
  });
}
