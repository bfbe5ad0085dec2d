import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { loadBinding } from '../lib/binding.ts';
import { methodNames } from '../lib/ops/generated.ts';
import { toCamelCase } from '../lib/ops/naming.ts';
import { root } from './helpers/files.ts';
import { allSchemas } from './ops/schemas.ts';

const committed = readFileSync(join(root, 'lib', 'ops', 'generated.ts'), 'utf8');
const made = /libtorch (\d+\.\d+)/.exec(committed)?.[1] as string;
const { version } = loadBinding().libtorch;

describe('lib/ops/generated.ts', () => {
  // The schemas of another minor differ: the committed types are those of the one named in the header.
  const skipOthers = (context: TestContext) => {
    if (!version.startsWith(`${made}.`)) context.skip(`made for libtorch ${made}, not ${version}`);
  };

  it('is what the generator writes', (context) => {
    skipOthers(context);
    const script = join(root, 'scripts/gen/ops.mjs');
    const fresh = execFileSync(process.execPath, [script, '--stdout'], {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    expect(fresh.length).toBeGreaterThan(100_000);
    // Not toBe: a diff of 13,000 lines helps nobody.
    const lines = fresh.split('\n');
    const old = committed.split('\n');
    const index = lines.findIndex((line, i) => line !== old[i]);
    expect({ index, line: lines[index], count: lines.length }).toEqual({
      index: -1,
      line: undefined,
      count: old.length,
    });
  });

  it('names every aten op and overload', (context) => {
    skipOthers(context);
    const missing: string[] = [];
    for (const schema of allSchemas().values()) {
      if (!schema.name.startsWith('aten::')) continue;
      const base = schema.name.slice('aten::'.length);
      const start = committed.indexOf(`\n  ${base}: {`);
      const end = committed.indexOf('\n  };', start);
      const overload = schema.overload || 'default';
      if (start < 0 || !committed.slice(start, end).includes(`\n    ${overload}: `)) {
        missing.push(`${base}.${overload}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('types a method for every name of the table', () => {
    const start = committed.indexOf('export interface TensorMethods');
    const methods = committed.slice(start, committed.indexOf('\n}', start));
    const missing = methodNames.filter((name) => !methods.includes(`\n  ${toCamelCase(name)}(`));
    expect(missing).toEqual([]);
  });

  it('links documentation pages', () => {
    const links = committed.match(
      /https:\/\/docs\.pytorch\.org\/docs\/stable\/generated\/torch\.[\w.]+\.html/g,
    );
    expect(links?.length).toBeGreaterThan(800);
  });
});
