import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dist, tmp } from './files.ts';

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  nodeArgs?: string[];
  env?: NodeJS.ProcessEnv;
  /** Kills the child after this long. Default 50 s. */
  timeout?: number;
  /** Where its address space ends, in KiB: `ulimit -v`. */
  addressSpace?: number;
  /** Whether `ibn` is imported first. Default true. */
  layer?: boolean;
}

/**
 * Runs `source` as an ES module in a Node process of its own. `ibn` in it is the built tensor layer, `dist` the
 * URL of the build.
 */
export function runChild(source: string, options: ChildOptions = {}): Promise<ChildResult> {
  const file = join(tmp(), 'child.mjs');
  const url = pathToFileURL(dist).href;
  const layer = options.layer === false ? '' : `import * as ibn from '${url}/tensor/index.js';\n`;
  writeFileSync(file, `const dist = '${url}';\n${layer}${source}`);
  const command = [process.execPath, ...(options.nodeArgs ?? []), file];
  const { addressSpace } = options;
  const limited =
    addressSpace === undefined
      ? command
      : ['/bin/sh', '-c', `ulimit -v ${addressSpace} && exec "$@"`, 'sh', ...command];
  const child = spawn(limited[0] as string, limited.slice(1), {
    env: { ...process.env, ...options.env },
    timeout: options.timeout ?? 50_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
