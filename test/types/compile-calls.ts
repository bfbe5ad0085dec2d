import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { root } from '../helpers/index.ts';

/** Compiles calls, one a line, in strict mode: none may be refused. `header` stands in a folder of test/types. */
export function expectToCompile(header: string, calls: readonly string[]): void {
  const folder = mkdtempSync(join(root, 'test/types/forms-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'calls.ts'), `${header}${calls.join(';\n')};\n`);
  const config = { extends: '../../../tsconfig.json', include: ['calls.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  const before = header.split('\n').length;
  const wrong = [...stdout.matchAll(/calls\.ts\((\d+),.*/g)].map(
    ([message, line]) => calls[Number(line) - before] ?? message,
  );
  expect({ wrong: [...new Set(wrong)], status }).toEqual({ wrong: [], status: 0 });
}
