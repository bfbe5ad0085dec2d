import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './files.ts';

function newest(folder: string, ending: RegExp): number {
  const times = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => statSync(join(folder, name)).mtimeMs);
  return Math.max(0, ...times);
}

/** Builds dist when a source is newer: workers, child processes, examples and the generator run from it. */
export default function buildDist(): void {
  const dist = join(root, 'dist');
  if (existsSync(dist) && newest(dist, /\.js$/) > newest(join(root, 'lib'), /\.ts$/)) return;
  execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
}
