import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES, IMPORTERS } from '../../lib/compile/graph/importers.ts';
import { packetOf } from '../../lib/ops/call.ts';
import { root } from '../helpers/files.ts';

describe('docs/compile.md', () => {
  it('is what the generator writes', () => {
    const script = join(root, 'scripts/gen/compile-doc.mjs');
    const fresh = execFileSync(process.execPath, [script, '--stdout'], { encoding: 'utf8' });
    expect(fresh).toBe(readFileSync(join(root, 'docs', 'compile.md'), 'utf8'));
  });

  it('has ops that libtorch has, each in one family', () => {
    const names = FAMILIES.flatMap(({ both = {}, cpu = {} }) => [
      ...new Set([...Object.keys(both), ...Object.keys(cpu)]),
    ]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(names.filter((name) => packetOf(`aten::${name}`) === undefined)).toEqual([]);
    expect(names.sort()).toEqual(Object.keys(IMPORTERS.cpu).sort());
  });
});
