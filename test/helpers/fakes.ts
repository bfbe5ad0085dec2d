import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Whether libraries can be made that fail in a given way. */
export const hasCompiler = spawnSync('gcc', ['--version']).status === 0;

/** A library that ends the process which loads it. */
export const ABORTS =
  '#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }';

/** Compiles a library of C; only where there is a compiler. */
export function compile(source: string, output: string, more: string[] = []): void {
  const file = `${output}.c`;
  writeFileSync(file, source);
  const args = ['-shared', '-fPIC', `-Wl,-soname,${basename(output)}`, '-o', output, file, ...more];
  const child = spawnSync('gcc', args, { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
}
