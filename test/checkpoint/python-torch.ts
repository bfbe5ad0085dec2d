import { spawnSync } from 'node:child_process';
import { findPythonTorch } from '../../lib/libtorch/find/python.ts';

/** Only for a Python that never ends: `import torch` alone took over a minute on a machine with much else to do. */
const HANGS = 280_000;
const found = findPython();

/** Why the checks against Python do not run; undefined where they do. */
export const noPythonTorch = 'reason' in found ? found.reason : undefined;

/** The Python that `PYTHON` names, which must have torch, else the active one, which may have it. */
function findPython(): { python: string } | { reason: string } {
  const python = process.env.PYTHON;
  if (!python) return findPythonTorch(process.env);
  const program = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)";
  const { status, error } = spawnSync(python, ['-c', program], { timeout: HANGS });
  if (status === 0) return { python };
  throw new Error(
    `Expected a Python with torch for PYTHON, got ${python}${error ? `: ${error.message}` : ''}`,
  );
}

/** Runs a program with that Python and returns what it prints. */
export function runPython(program: string, ...args: string[]): string {
  if ('reason' in found) throw new Error(found.reason);
  const child = spawnSync(found.python, ['-c', program, ...args], { encoding: 'utf8', timeout: HANGS });
  if (child.status !== 0) throw new Error(child.stderr || String(child.error));
  return child.stdout;
}
