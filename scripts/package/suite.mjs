// Runs the whole test suite against a libtorch of the cache with the packed bindings, and adds the outcome to
// bench/results/package.json.
//   node scripts/package/suite.mjs 2.14.1+cu130 [--bindings FOLDER] [--failed FILE]
// --bindings: what `npm pack` would pack, by default prebuilds/ for this system; see scripts/prebuild.mjs. --failed: run
// only those files again that did not pass in an earlier run, whose outcomes FILE has (build-gpu-check/tests.jsonl).
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { VITEST } from '../test-outcomes/reporter.mjs';
import { summary } from '../test-outcomes/summary.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bindings: { type: 'string', default: join(root, 'prebuilds', `${process.platform}-${process.arch}`) },
    failed: { type: 'string' },
  },
});
const [name] = positionals;
const { libtorchCache } = await import(pathToFileURL(join(root, 'dist/libtorch/find/locate.js')).href);
const libtorch = join(libtorchCache(), String(name));
if (name === undefined || !existsSync(libtorch)) fail(`Expected a libtorch of the cache, got ${libtorch}`);
if (!existsSync(values.bindings))
  fail(`Expected bindings in ${values.bindings}; run: node scripts/prebuild.mjs`);

const folder = mkdtempSync(join(tmpdir(), 'ibn-suite-'));
const told = join(folder, 'tests.jsonl');
if (values.failed !== undefined) copyFileSync(values.failed, told);
const again = values.failed === undefined ? [] : summary(root, told, []).unwell;
const start = performance.now();
const { status } = spawnSync(process.execPath, [...VITEST, ...again], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    LIBTORCH: libtorch,
    IBN_NET_BINDING_DIR: resolve(values.bindings),
    TEST_OUTCOMES: told,
  },
});
const seconds = Math.round((performance.now() - start) / 1000);
const { failures, skippedTests, unwell: _, ...counts } = summary(root, told, []);
const skippedWhy = countBy(skippedTests.map(({ reason }) => reason));
record({
  libtorch: name,
  date: new Date().toISOString().slice(0, 10),
  seconds,
  ...counts,
  failures,
  skippedWhy,
});
rmSync(folder, { recursive: true });
process.exit(status ?? 1);

function countBy(reasons) {
  return Object.fromEntries(
    [...new Set(reasons)].map((one) => [one, reasons.filter((other) => other === one).length]),
  );
}

/** One entry for each libtorch; scripts/package/check.mjs keeps them. */
function record(suite) {
  const path = join(root, 'bench/results/package.json');
  const result = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const others = (result.suites ?? []).filter((one) => one.libtorch !== suite.libtorch);
  writeFileSync(path, `${JSON.stringify({ ...result, suites: [...others, suite] }, null, 1)}\n`);
  console.log(JSON.stringify(suite, null, 1));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
