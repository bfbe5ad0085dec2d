import { spawnSync } from 'node:child_process';
import { findPythonTorch } from '../../lib/libtorch/python.ts';

const found = findPythonTorch(process.env);

/** Why the checks against Python do not run; undefined where they do. */
export const noPythonTorch = 'reason' in found ? found.reason : undefined;

/** Runs a program with the active Python, which has torch, and returns what it prints. */
export function runPython(program: string, ...args: string[]): string {
  if ('reason' in found) throw new Error(found.reason);
  const child = spawnSync(found.python, ['-c', program, ...args], { encoding: 'utf8', timeout: 60_000 });
  if (child.status !== 0) throw new Error(child.stderr);
  return child.stdout;
}
