// Runs the tests as other processors would: each numeric library is held to older instructions (docs/testing.md).
//   node scripts/test-processors.mjs [--only avx2] [--project fast] [vitest filters]
//   node scripts/test-processors.mjs --numeric     a few folders whose figures depend on the processor, as .ci/run has it
// VITEST_JSON=report.json gives report.<processor>.json for each.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { deaf, lacks, listen, PROCESSORS } from './processors.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// What .ci/run has time for. The kernels of compile() are tested with every set of instructions in each run of the suite.
const NUMERIC = ['amp/', 'models/ibn', 'models/variants', 'optim/optim-db', 'optim/lbfgs', 'optim/sgd'].map(
  (name) => `test/${name}`,
);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    numeric: { type: 'boolean', default: false },
    project: { type: 'string' },
  },
});
const project = values.project === undefined ? [] : ['--project', values.project];
const filters = values.numeric ? [...NUMERIC, ...positionals] : positionals;

function chosen() {
  const names = Object.keys(PROCESSORS);
  if (values.only === undefined) return names;
  if (names.includes(values.only)) return [values.only];
  console.error(`Expected one of ${names.join(', ')} for --only, got "${values.only}"`);
  process.exit(2);
}

/** Whether the tests pass. */
function test(name) {
  const unheard = deaf(name, listen(name, join(root, 'dist/index.js')));
  if (unheard.length > 0) {
    console.error(`${name}: ${unheard.join(', ')} did not take the variables of this processor`);
    return false;
  }
  const report = process.env.VITEST_JSON;
  const env = {
    ...process.env,
    ...PROCESSORS[name].env,
    ...(report ? { VITEST_JSON: report.replace(/(\.json)?$/, `.${name}.json`) } : {}),
  };
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...project, ...filters];
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}

const lines = [];
let played = 0;
for (const name of chosen()) {
  const missing = lacks(name);
  if (missing.length > 0) {
    lines.push(`${name}: not played, this processor lacks ${missing.join(', ')}`);
    continue;
  }
  console.log(`\nAs ${name}: ${JSON.stringify(PROCESSORS[name].env)}`);
  played++;
  const passed = test(name);
  if (!passed) process.exitCode = 1;
  lines.push(`${name}: ${passed ? 'passed' : 'failed'}`);
}
console.log(lines.join('\n'));
if (played === 0) {
  console.error('Expected a processor that this one can play, got none');
  process.exitCode = 1;
}
