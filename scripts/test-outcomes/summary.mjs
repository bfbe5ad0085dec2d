// What a run of the tests came to, from what reporter.mjs told.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const KEPT = 100;

const isCuda = ({ name }) => name.endsWith('(cuda)');

/**
 * Counts, failures and skipped tests of what the reporter told; files in `unfit` ({ file, reason }) were left out, and
 * those that did not end are named too.
 */
export function summary(root, told, unfit) {
  const lines = existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : [];
  // A file that was run again counts as the last time.
  const byFile = new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.file, one]));
  const files = [...byFile.values()];
  const tests = files.flatMap(({ file, tests: all }) => all.map((one) => ({ ...one, file })));
  const withState = (list, state) => list.filter((one) => one.state === state);
  const count = (list) => ({
    passed: withState(list, 'passed').length,
    failed: withState(list, 'failed').length,
    skipped: withState(list, 'skipped').length,
  });
  const named = ({ file, name, reason }) => ({ test: `${file}: ${name}`, reason });
  const ended = new Set([...files, ...unfit].map(({ file }) => file));
  const late = testFiles(root).filter((file) => !ended.has(file));
  return {
    files: files.length,
    ...count(tests),
    cuda: count(tests.filter(isCuda)),
    brokenFiles: files
      .filter(({ errors }) => errors.length > 0)
      .map(({ file, errors }) => ({ file, errors })),
    // Without a GPU all of CUDA fails for one reason: the others come first.
    failures: withState(tests, 'failed')
      .sort((a, b) => isCuda(a) - isCuda(b))
      .slice(0, KEPT)
      .map(named),
    skippedTests: withState(tests, 'skipped').map((one) =>
      named({ ...one, reason: one.reason ?? 'its own condition' }),
    ),
    unwell: [...new Set([...files.filter(isUnwell).map(({ file }) => file), ...late])],
    notRun: [...unfit, ...late.map((file) => ({ file, reason: 'it did not come to its end' }))],
  };
}

const isUnwell = ({ tests, errors }) => errors.length > 0 || tests.some(({ state }) => state === 'failed');

/** Every test file, relative to the repository. */
function testFiles(root) {
  const names = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`);
}
