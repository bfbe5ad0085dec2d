import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const build = join(import.meta.dirname, '..', '..', 'build');
const objects = existsSync(build)
  ? readdirSync(build, { recursive: true, encoding: 'utf8' })
      .filter((path) => /kernels_\w+\.dir.*\.o$/.test(path))
      .map((path) => join(build, path))
  : [];
const hasNm = spawnSync('nm', ['--version']).status === 0;

/** Names that an object gives to the linker, but for pointers to the compiler's own functions. */
function definedNames(object: string): string[] {
  const { status, stdout, stderr } = spawnSync('nm', ['-C', '--defined-only', object], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`nm ${object}: ${stderr}`);
  return [...stdout.matchAll(/^\S* +([A-Z]|[uvw]) (.+)$/gm)]
    .map((match) => match[2] as string)
    .filter((name) => !name.startsWith('DW.ref.'));
}

// Of two copies of an inline function the linker keeps one, and that could be one that only newer processors run.
describe.skipIf(objects.length === 0 || !hasNm)('kernels of several instruction sets', () => {
  it('share no function of one set with another', () => {
    const strays = objects.flatMap((object) => {
      const set = /kernels_(\w+)\.dir/.exec(object)?.[1];
      const names = definedNames(object);
      expect(names, object).not.toEqual([]);
      return names
        .filter((name) => !name.includes(`ibn::kernels::${set}::`))
        .map((name) => `${set} ${basename(object)}: ${name}`);
    });
    expect(strays).toEqual([]);
  });
});
