// Compares plain, IBN-a and IBN-b ResNets on styles of drawing that they never saw, and on shifted Fashion-MNIST.
//
//   npm install --prefix examples/emoji-styles/drawings
//   node examples/emoji-styles/study.mjs --quick --output runs/quick
//
// Ended at any moment, the same command goes on. README.md beside this file tells the options and what came out.
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { datasets } from 'ibn-net';
import { loadEmoji } from './emoji-data.mjs';
import { FORMS, planRuns } from './plan.mjs';
import { writeReport } from './report.mjs';

const PROGRAM = fileURLToPath(new URL('run.mjs', import.meta.url));
const PARTS = ['styles', 'shading', 'fashion'];

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      output: { type: 'string', default: 'emoji-study' },
      seeds: { type: 'string', default: '3' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      only: { type: 'string', multiple: true, default: PARTS },
      epochs: { type: 'string' },
      'batch-size': { type: 'string' },
      packages: { type: 'string' },
      cache: { type: 'string' },
      data: { type: 'string' },
      report: { type: 'boolean', default: false },
    },
  });
  const unknown = values.only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new RangeError(`Expected ${PARTS.join(', ')} for --only, got ${unknown}`);
  const whole = (name) => toWhole(name, values[name]);
  return {
    ...values,
    output: resolve(values.output),
    seeds: whole('seeds'),
    jobs: whole('jobs'),
    epochs: whole('epochs'),
    batchSize: whole('batch-size'),
  };
}

function toWhole(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`Expected a whole number of at least 1 for --${name}, got ${text}`);
}

function formOf({ quick, epochs, batchSize }) {
  const form = FORMS[quick ? 'quick' : 'full'];
  const lengths =
    epochs === undefined ? form.epochs : Object.fromEntries(PARTS.map((part) => [part, epochs]));
  return { ...form, epochs: lengths, batchSize: batchSize ?? form.batchSize };
}

/** Draws what is not drawn yet, and finds out now what is missing. Gives what the report says of the data. */
async function prepare({ only, packages, cache, data }, form) {
  const about = {};
  if (only.some((part) => part !== 'fashion')) {
    const emoji = await loadEmoji({ ...form, packages, cache });
    about.styles = emoji.report;
    about.emoji = emoji.emoji.length;
    about.classes = Object.fromEntries(
      emoji.classes.map((name) => [name, emoji.emoji.filter((each) => each[form.classes] === name).length]),
    );
  }
  if (only.includes('fashion')) checkFashion(data);
  return about;
}

function checkFashion(data) {
  try {
    for (const train of [true, false]) new datasets.FashionMNIST(data, { train });
  } catch (error) {
    throw new Error(`${error.message}; or leave it out by --only styles --only shading`, { cause: error });
  }
}

/** A folder belongs to one form of the study: results of two are not compared. */
function claim(output, form) {
  mkdirSync(join(output, 'runs'), { recursive: true });
  const path = join(output, 'form.json');
  if (!existsSync(path)) {
    writeWhole(path, `${JSON.stringify(form, null, 1)}\n`);
    return;
  }
  if (isDeepStrictEqual(JSON.parse(readFileSync(path, 'utf8')), form)) return;
  throw new Error(
    `Expected a new folder, or one of the same form, for --output, got ${output}; choose another`,
  );
}

function writeWhole(path, text) {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

const resultPath = (output, { id }) => join(output, 'runs', `${id}.json`);

/** One run in a process of its own, on one thread: how many run at once changes no result. */
function start(run, options, form) {
  const { output, packages, cache, data } = options;
  const job = JSON.stringify({ run, form, output, packages, cache, data });
  const env = { ...process.env, OMP_NUM_THREADS: '1' };
  const child = fork(PROGRAM, [job], { env });
  child.on('message', ({ id, epoch, epochs, loss, val }) => {
    if (epoch === epochs || epoch % 10 === 0) {
      console.log(`${id}  epoch ${epoch}/${epochs}  loss ${loss.toFixed(3)}  chosen by ${val.toFixed(1)} %`);
    }
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      if (code === 0) done();
      else fail(new Error(`${run.id} ended with ${signal ?? `exit status ${code}`}; its message is above`));
    });
  });
}

/** Works through the queue; the first failure ends it when the runs under way are done. */
async function work(queue, options, form) {
  let left = queue.length;
  const take = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      try {
        await start(run, options, form);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
      console.log(`${run.id} is done, ${--left} to go`);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: options.jobs }, take));
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

/** Cloud machines call several kinds by one name ("AMD EPYC"): family and model are told too, where the system tells them. */
function processorHere() {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const detail = ['cpu family', 'model'].flatMap((name) => {
    const number = new RegExp(`^${name}\\s*: (\\d+)$`, 'm').exec(info)?.[1];
    return number === undefined ? [] : [`${name} ${number}`];
  });
  return [cpus()[0]?.model.trim(), ...detail, `${availableParallelism()} cores`].join(', ');
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  const form = formOf(options);
  claim(options.output, form);
  const about = await prepare(options, form);
  const runs = planRuns(form, options.only, options.seeds);
  const open = runs.filter((run) => !existsSync(resultPath(options.output, run)));
  console.log(`${runs.length} runs, ${runs.length - open.length} of them done`);
  if (!options.report) await work(open, options, form);
  const results = runs
    .map((run) => resultPath(options.output, run))
    .filter(existsSync)
    .map((path) => JSON.parse(readFileSync(path, 'utf8')));
  const study = { form, about, processor: processorHere(), planned: runs.length };
  const table = await writeReport(options.output, study, results);
  console.log(`\n${table}`);
}

await main();
