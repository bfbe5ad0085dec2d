import { spawnSync } from 'node:child_process';
import type { Environment } from '../../cache.ts';

/** What the shim is asked to open. */
export interface LoadPaths {
  shim: string;
  libraries: readonly string[];
  binding: string;
}

/** How a process that loaded the native module fared. */
export type Trial =
  | { kind: 'loaded'; milliseconds: number }
  /** Loading threw: the dynamic linker's own reason. */
  | { kind: 'refused'; reason: string }
  /** Loading ended the process: `SIGSEGV`, or `exit code 1`, with the last line it printed. */
  | { kind: 'died'; how: string; said: string }
  /** No process could be started: not allowed, or no memory for it. */
  | { kind: 'untried'; reason: string };

const TIMEOUT_MS = 120_000;

// What it wrote counts, not how it ended: exit handlers of libraries are not what is tried here.
const PROGRAM = `
const { shim, libraries, binding } = JSON.parse(process.argv[1]);
let outcome = {};
try { require(shim).load(libraries, binding); } catch (error) { outcome = { reason: String(error.message) }; }
require('fs').writeSync(1, JSON.stringify(outcome));
process.exit(0);
`;

/**
 * Loads libtorch and the native module in a process of its own, where a crash harms nobody. Takes what loading
 * takes, 0.3 to 1.5 s.
 */
export function tryLoading(paths: LoadPaths, options: { env?: Environment; timeout?: number } = {}): Trial {
  const { env = process.env, timeout = TIMEOUT_MS } = options;
  const start = performance.now();
  const child = spawnSync(process.execPath, ['-e', PROGRAM, JSON.stringify(paths)], {
    // Neither the inspector nor preloaded modules of this process belong there. Electron is Node with this set.
    env: { ...env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = (child.error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ETIMEDOUT') return { kind: 'died', how: `a time limit of ${timeout / 1000} s`, said: '' };
  if (child.error) return { kind: 'untried', reason: child.error.message };
  if (child.stdout === '') return { kind: 'died', how: howItEnded(child), said: lastLine(child.stderr) };
  const { reason } = JSON.parse(child.stdout) as { reason?: string };
  if (reason !== undefined) return { kind: 'refused', reason };
  return { kind: 'loaded', milliseconds: Math.round(performance.now() - start) };
}

function howItEnded({ signal, status }: { signal: NodeJS.Signals | null; status: number | null }): string {
  return signal ?? `exit code ${status}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
