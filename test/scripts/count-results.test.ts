import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countResults, verdict } from '../../scripts/count-results.mjs';
import { tmp } from '../helpers/index.ts';

function results(files: Record<string, unknown>): ReturnType<typeof verdict> {
  const folder = tmp();
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), JSON.stringify(content));
  return verdict(countResults(folder));
}
const report = (passed: number, failed = 0, skipped = 0) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: skipped,
});

describe('the count at the end of .ci/run', () => {
  it('adds up all reports of all steps', () => {
    const files = {
      'install.status': 0,
      'suite.status': 0,
      'suite.json': report(10, 0, 2),
      'processors.status': 0,
    };
    const { lines, isWell } = results({
      ...files,
      'processors.avx2.json': report(4),
      'processors.avx512.json': report(5),
    });
    expect(lines.at(-1)).toBe('19 passed, 0 failed, 2 skipped');
    expect(isWell).toBe(true);
  });

  it('has the failed tests of any step', () => {
    const { lines, isWell } = results({
      'suite.status': 0,
      'suite.json': report(10),
      'processors.status': 1,
      'processors.avx2.json': report(4, 3),
    });
    expect([lines.at(-1), isWell]).toEqual(['14 passed, 3 failed', false]);
  });

  it('counts a step that fails without a failed test as one', () => {
    const { lines, isWell } = results({ 'suite.status': 1, 'suite.json': report(10), 'install.status': 0 });
    expect([lines.at(-1), isWell]).toEqual(['10 passed, 1 failed', false]);
  });

  it('is not well where nothing ran', () => {
    expect(results({ 'install.status': 0 }).isWell).toBe(false);
    expect(results({}).isWell).toBe(false);
  });
});
