// What scripts/gpu-check.sh starts once there is Node; see there.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { libtorchOf, machineFacts, missingGpu } from './machine.mjs';
import { libraries, STEPS } from './steps.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const began = performance.now();
const { own, further } = splitArguments(process.argv.slice(2));
const { values, positionals } = parseArgs({
  args: own,
  allowPositionals: true,
  options: { within: { type: 'string' }, limit: { type: 'string', multiple: true, default: [] } },
});
const out = process.env.OUT;
const work = join(root, 'build-gpu-check');
for (const folder of [out, work]) mkdirSync(folder, { recursive: true });

const machine = machineFacts(process.env.PYTHON);
const libtorch = libtorchOf(machine);
const env = {
  ...process.env,
  ...(libtorch === undefined ? {} : { LIBTORCH: libtorch }),
  // One process of the compiler for each architecture.
  NVCC_APPEND_FLAGS: process.env.NVCC_APPEND_FLAGS ?? '--threads 0',
  // What peers make is kept for the next call.
  PEERS: process.env.PEERS ?? join(work, 'peers'),
};
const results = [];
let gpu;
for (const step of chosen()) await run(step);
const ok = results.every(({ state }) => state === 'passed');
console.table(
  Object.fromEntries(results.map(({ name, state, seconds, reason }) => [name, { state, seconds, reason }])),
);
process.exitCode = ok ? 0 : 1;

/** What follows `--` is for the benchmarks. */
function splitArguments(all) {
  const at = all.indexOf('--');
  return at < 0 ? { own: all, further: [] } : { own: all.slice(0, at), further: all.slice(at + 1) };
}

/** Steps in their order, each with its parts; a build first where there is none. */
function chosen() {
  const names = positionals.length > 0 ? positionals : Object.keys(STEPS);
  const unknown = names.find((name) => !partsOf(name.split('/')[0]).some((one) => matches(one, name)));
  if (unknown !== undefined) {
    const all = Object.keys(STEPS).flatMap((name) => [name, ...partsOf(name).map((one) => one.name)]);
    console.error(`Expected a step, got "${unknown}"; there are: ${[...new Set(all)].join(', ')}`);
    process.exit(2);
  }
  const all = Object.keys(STEPS).flatMap(partsOf);
  const wanted = all.filter((one) => names.some((name) => matches(one, name)));
  return built() || wanted[0]?.name === 'build' ? wanted : [...partsOf('build'), ...wanted];
}

function matches(one, name) {
  return one.name === name || one.step === name;
}

function partsOf(step) {
  const { parts } = STEPS[step] ?? {};
  if (!(step in STEPS)) return [];
  return parts === undefined
    ? [{ name: step, step }]
    : parts(root).map((part) => ({ name: `${step}/${part}`, step, part }));
}

/** For this libtorch: a build for another one does not count. */
function built() {
  const minor = process.env.LIBTORCH ? undefined : /^\d+\.\d+/.exec(machine.torch?.torch ?? '')?.[0];
  const names = Object.keys(libraries(join(root, 'build/Release')));
  const binding = names.some((name) =>
    minor === undefined ? /^binding-/.test(name) : name === `binding-${minor}.so`,
  );
  return existsSync(join(root, 'dist/index.js')) && binding;
}

/** Runs one part; whatever happens the next ones follow. */
async function run({ name, step, part }) {
  const start = performance.now();
  const log = join(out, 'gpu-check.log');
  const why = unmet(STEPS[step].needs);
  console.error(`gpu-check: ${name}`);
  const result =
    why === undefined ? await attempt({ name, step, part, log }) : { state: 'skipped', reason: why };
  const { result: path, ...told } = result;
  if (path !== undefined && dirname(path) !== out) copyFileSync(path, join(out, basename(path)));
  const seconds = Number(((performance.now() - start) / 1000).toFixed(1));
  results.push({ name, date: new Date().toISOString(), gpu: machine.gpus?.[0] ?? null, seconds, ...told });
  write();
}

async function attempt({ name, step, part, log }) {
  try {
    const limit = Math.min(limitOf(name, step), timeLeft());
    return await STEPS[step].run({ root, work, env, machine, log, limit, part, args: further });
  } catch (error) {
    return { state: 'failed', reason: String(error.stack ?? error).slice(0, 1000) };
  }
}

function unmet(needs) {
  if (!needs.includes('build')) return undefined;
  const failed = results.find(({ name, state }) => name === 'build' && state !== 'passed');
  if (failed !== undefined && !built()) return `the build ${failed.state}`;
  if (!needs.includes('gpu')) return undefined;
  // Asking takes seconds: libtorch is loaded.
  gpu ??= { missing: missingGpu(root, env) };
  return gpu.missing === undefined ? undefined : `no GPU: ${gpu.missing}`;
}

function limitOf(name, step) {
  const settings = new Map(values.limit.map((setting) => setting.split('=')));
  return Number(settings.get(name) ?? settings.get(step) ?? STEPS[step].limit);
}

/** Twenty seconds are left to write what was found. */
function timeLeft() {
  if (values.within === undefined) return Number.POSITIVE_INFINITY;
  return Number(values.within) - 20 - (performance.now() - began) / 1000;
}

/** After each step, so that a run that is ended from outside leaves what it has. Steps of earlier runs stay. */
function write() {
  const path = join(out, 'gpu-check.json');
  const earlier = existsSync(path) ? readSteps(path) : [];
  const kept = earlier.filter(({ name }) => !results.some((one) => one.name === name));
  const steps = [...kept, ...results];
  const ok = steps.every(({ state }) => state === 'passed');
  rmSync(path, { force: true });
  writeFileSync(path, `${JSON.stringify({ ok, machine, packed: packed(), steps }, null, 1)}\n`);
}

function readSteps(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).steps ?? [];
  } catch {
    return [];
  }
}

function packed() {
  const path = join(root, '.gpu-check/manifest.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}
