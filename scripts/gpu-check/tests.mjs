// The whole test suite, with REQUIRE_CUDA=1. What could not run is named.
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { VITEST } from '../test-outcomes/reporter.mjs';
import { summary } from '../test-outcomes/summary.mjs';
import { unfitFiles } from './needs.mjs';
import { runLimited } from './process.mjs';

/** These fill the GPU's memory, or measure it: no other test may run beside them. */
const ALONE = 'test/cuda';

export async function test({ root, env, log, limit, work }) {
  const told = join(work, 'tests.jsonl');
  rmSync(told, { force: true });
  const unfit = unfitFiles(root);
  const start = performance.now();
  const left = () => limit - (performance.now() - start) / 1000;
  const run = (workers, args) => {
    const more = { ...env, REQUIRE_CUDA: '1', TEST_OUTCOMES: told };
    const all = [...VITEST, `--maxWorkers=${workers}`, ...args];
    return runLimited(process.execPath, all, { log, limit: left(), env: more, cwd: root });
  };
  const excluded = [`${ALONE}/**`, ...unfit.map(({ file }) => file)].flatMap((file) => ['--exclude', file]);
  const runs = [
    await run(Math.max(2, Math.floor(availableParallelism() / 2)), excluded),
    await run(1, [`${ALONE}/`]),
  ];
  return judge(runs, summary(root, told, unfit));
}

/** Passed only where every test ended well, and some on the GPU. */
function judge(runs, figures) {
  const { failed, brokenFiles, cuda } = figures;
  const late = runs.find(({ state }) => state === 'timeout');
  if (late !== undefined) return { state: 'timeout', reason: late.reason, figures };
  if (failed > 0 || brokenFiles.length > 0) {
    const reason = `${failed} tests failed, ${cuda.failed} of them for CUDA, and ${brokenFiles.length} files`;
    return { state: 'failed', reason, figures };
  }
  const broken = runs.find(({ state }) => state !== 'passed');
  if (broken !== undefined) return { state: 'failed', reason: broken.reason, figures };
  if (cuda.passed === 0) return { state: 'failed', reason: 'no test ran on the GPU', figures };
  return { state: 'passed', figures };
}
