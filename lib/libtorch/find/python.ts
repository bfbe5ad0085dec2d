import { spawnSync } from 'node:child_process';
import type { Environment } from '../../cache.ts';

// find_spec does not import torch, which would take over a second. The first entry of sys.path is the current
// folder, where a folder named torch would be taken for the package.
const PROGRAM = `
import json, sys
from importlib.util import find_spec
sys.path = [p for p in sys.path if p]
spec = find_spec('torch')
print(json.dumps([sys.executable, spec and spec.origin and list(spec.submodule_search_locations)[0]]))
`;

/** The active Python and the folder of its torch package, or the reason there is none. */
export type PythonTorch = { python: string; root: string } | { reason: string };

/** Asks the active Python (`python3`, else `python`) where its torch is, without importing it. */
export function findPythonTorch(env: Environment): PythonTorch {
  for (const python of ['python3', 'python']) {
    const child = spawnSync(python, ['-c', PROGRAM], { env, encoding: 'utf8', timeout: 10_000 });
    if (child.error && 'code' in child.error && child.error.code === 'ENOENT') continue;
    if (child.status !== 0)
      return { reason: `${python} failed: ${lastLine(child.stderr || String(child.error))}` };
    const [executable, root] = JSON.parse(child.stdout) as [string, string | null];
    return root ? { python: executable, root } : { reason: `${executable} has no torch package` };
  }
  return { reason: 'neither python3 nor python is on PATH' };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
