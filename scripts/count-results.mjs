// Adds up what the steps of .ci/run came to and prints "N passed, N failed": each NAME.status in a folder is a step's
// exit status, each NAME.json or NAME.<part>.json a report of vitest's.
//   node scripts/count-results.mjs FOLDER
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const sum = (reports, key) => reports.reduce((total, report) => total + report[key], 0);

/** One step: a step that fails without a failed test counts as one failed, and so does one of tests that ran none. */
function countStep(folder, files, name) {
  const status = Number(readFileSync(join(folder, `${name}.status`), 'utf8'));
  const reports = files
    .filter((file) => file.startsWith(`${name}.`) && file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const failed = sum(reports, 'numFailedTests');
  return {
    name,
    status,
    passed: sum(reports, 'numPassedTests'),
    failed: status !== 0 && failed === 0 ? 1 : failed,
    skipped: sum(reports, 'numPendingTests'),
  };
}

export function countResults(folder) {
  const files = readdirSync(folder).sort();
  const names = files
    .filter((file) => file.endsWith('.status'))
    .map((file) => file.slice(0, -'.status'.length));
  return names.map((name) => countStep(folder, files, name));
}

/** The lines to print, of which the last is "N passed, N failed", and whether all is well. */
export function verdict(steps) {
  const total = (key) => sum(steps, key);
  const lines = steps.map(
    ({ name, status, passed, failed }) => `${name}: ${passed} passed, ${failed} failed (exit ${status})`,
  );
  const skipped = total('skipped') > 0 ? `, ${total('skipped')} skipped` : '';
  return {
    lines: [...lines, `${total('passed')} passed, ${total('failed')} failed${skipped}`],
    isWell: total('failed') === 0 && total('passed') > 0 && steps.every(({ status }) => status === 0),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { lines, isWell } = verdict(countResults(process.argv[2]));
  console.log(lines.join('\n'));
  process.exitCode = isWell ? 0 : 1;
}
