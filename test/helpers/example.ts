import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './files.ts';

/** What a program of `examples` prints. It runs in a folder that is not the repository's. */
export async function runExample(program: string, args: readonly string[], cwd: string): Promise<string> {
  const script = join(root, 'examples', program);
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { cwd });
  return stdout;
}

/** What a program of `examples` says when it fails. */
export async function failureOf(program: string, args: readonly string[], cwd: string): Promise<string> {
  const run = runExample(program, args, cwd);
  return run.then(
    () => 'ended well',
    ({ stderr }: { stderr: string }) => /^\w*Error.*: (.*)$/m.exec(stderr)?.[1] ?? stderr,
  );
}

/** The first group of every match, as numbers. */
export const numbersIn = (text: string, pattern: RegExp): number[] =>
  [...text.matchAll(pattern)].map((match) => Number(match[1]));
