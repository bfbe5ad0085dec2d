// Checks native/ with clang-format and clang-tidy, at versions pinned here and installed by pip into
// node_modules/.cache, so that every machine formats alike. native/cuda, which the binding does not compile, is not tidied:
// that would take CUDA's headers.
//   node scripts/lint-native.mjs [--fix] [--no-tidy | --deep]
// --deep: clang's analyzer follows a function for as many steps as it does by default, not a third of them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TOOLS = ['clang-format==23.1.1', 'clang-tidy==22.1.8'];
const venv = join(root, 'node_modules', '.cache', 'native-lint');

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`Could not run ${command}: ${result.error.message}`);
  return result.status;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function installTools() {
  const stamp = join(venv, 'tools.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === TOOLS.join('\n')) return;
  mkdirSync(dirname(venv), { recursive: true });
  const quiet = ['install', '--quiet', '--disable-pip-version-check', '--retries', '0'];
  if (run('python3', ['-m', 'venv', venv]) !== 0 || run(join(venv, 'bin/pip'), [...quiet, ...TOOLS]) !== 0) {
    fail(`Could not install ${TOOLS.join(' and ')} with pip; lint needs them`);
  }
  run('node', [
    '-e',
    `require('fs').writeFileSync(${JSON.stringify(stamp)}, ${JSON.stringify(TOOLS.join('\n'))})`,
  ]);
}

/** The compiler's commands, each file once: kernels are compiled for every instruction set, and one is enough here. */
function writeDatabase() {
  const database = join(root, 'build', 'compile_commands.json');
  if (!existsSync(database)) fail('Expected build/compile_commands.json; run: npm run build:native');
  const commands = new Map(JSON.parse(readFileSync(database, 'utf8')).map((entry) => [entry.file, entry]));
  // clang brings no omp.h of its own.
  const entries = [...commands.values()].map((entry) => ({
    ...entry,
    command: entry.command.replaceAll(' -fopenmp', ''),
  }));
  writeFileSync(join(venv, 'compile_commands.json'), JSON.stringify(entries));
}

// Two thirds of clang-tidy's time are a few functions that the analyzer follows until its steps are used up.
const STEPS = ['-Xclang', '-analyzer-config', '-Xclang', 'max-nodes=75000'].map(
  (arg) => `--extra-arg=${arg}`,
);
const depth = process.argv.includes('--deep') ? [] : STEPS;

/** Checks files until none waits; whether all are tidy. */
async function tidy(waiting) {
  let tidy = true;
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const child = spawn(join(venv, 'bin/clang-tidy'), ['-p', venv, '--quiet', ...depth, path], {
      cwd: root,
      stdio: 'inherit',
    });
    const [code] = await once(child, 'close');
    if (code !== 0) tidy = false;
  }
  return tidy;
}

/** Files of a folder with these endings, by their paths in the repository. */
function filesOf(folder, endings) {
  const names = readdirSync(join(root, folder), { recursive: true }).filter((name) => endings.test(name));
  if (names.length === 0) fail(`Expected sources in ${folder}/, found none`);
  return names.map((name) => join(folder, name));
}

const paths = [
  ...filesOf('native', /\.(c|cc|h)$/),
  ...filesOf('native/cuda', /\.(cu|cuh)$/),
  ...filesOf('test/cuda-kernels/host', /\.(cc|h)$/),
];
installTools();

const formatArgs = process.argv.includes('--fix') ? ['-i'] : ['--dry-run', '--Werror'];
if (run(join(venv, 'bin/clang-format'), [...formatArgs, ...paths]) !== 0) {
  fail('Expected native/ formatted by clang-format; run: npm run format');
}
if (!process.argv.includes('--no-tidy')) {
  writeDatabase();
  const isTidied = (path) => path.endsWith('.cc') && /^native\/(?!cuda\/)/.test(path);
  const waiting = paths.filter(isTidied);
  const results = await Promise.all(Array.from({ length: availableParallelism() }, () => tidy(waiting)));
  if (results.includes(false)) fail('clang-tidy found problems in native/');
}
console.log(`native: ${paths.length} files are formatted and tidy`);
