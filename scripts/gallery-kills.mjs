// Kills a process that enrols into a gallery's file, again and again, and looks whether anything it had acknowledged is gone or
// torn. Prints one JSON object; the exit code is 1 where something was lost.
//   node scripts/gallery-kills.mjs [kills, default 1000] [folder for the file]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LmdbStore } from '../dist/reid/gallery/store/lmdb-store.js';

const WIDTH = 2048;
const here = fileURLToPath(import.meta.url);

if (process.argv[2] === '--enrol') await enrol(process.argv[3], Number(process.argv[4]));
else await main(Number(process.argv[2] ?? 1000), process.argv[3]);

/** The entry of a number: its feature says which it is in every place. */
function entryOf(number) {
  return { facts: { identity: `p${number}` }, feature: new Float32Array(WIDTH).fill(number + 1) };
}

/** The child: enrols on and on, every third time ten at once, deletes some, and says so when it is acknowledged. */
async function enrol(path, from) {
  const store = await LmdbStore.open(path, WIDTH);
  console.log('ready');
  for (let number = from; ; ) {
    const count = number % 3 === 0 ? 10 : 1;
    const numbers = Array.from({ length: count }, (_, index) => number + index);
    await store.write(numbers.map((each) => [`e${each}`, entryOf(each)]));
    process.stdout.write(`+${number} ${count}\n`);
    number += count;
    if (number % 5 !== 0) continue;
    await store.write([[`e${number - 1}`, undefined]]);
    process.stdout.write(`-${number - 1}\n`);
  }
}

async function main(kills, folder) {
  const place = folder ?? mkdtempSync(join(tmpdir(), 'ibn-gallery-'));
  const path = join(place, 'kills.lmdb');
  const result = { kills: 0, acknowledged: 0, lost: 0, torn: 0, deletedCameBack: 0, unacknowledgedFound: 0 };
  const known = { there: new Map(), gone: new Set(), next: 0 };
  for (let kill = 0; kill < kills; kill++) {
    const { said, last } = await killedAfter(path, known.next, Math.random() * 60);
    note(known, said);
    await look(path, known, result);
    result.kills++;
    known.next = Math.max(known.next, last) + 20;
  }
  if (folder === undefined) rmSync(place, { recursive: true });
  console.log(JSON.stringify(result));
  process.exitCode = result.lost + result.torn + result.deletedCameBack > 0 ? 1 : 0;
}

/** Starts the child, kills it some milliseconds after it is ready, and gives the whole lines that it said. */
function killedAfter(path, from, wait) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here, '--enrol', path, String(from)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [text, problems] = ['', ''];
    child.stderr.on('data', (data) => (problems += data));
    child.stdout.on('data', (data) => {
      if (text === '') setTimeout(() => child.kill('SIGKILL'), wait);
      text += data;
    });
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL')
        return reject(new Error(`Expected a killed child, got exit ${code}:\n${problems}`));
      const said = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
      const numbers = said.flatMap((line) => /^\+(\d+) (\d+)/.exec(line)?.slice(1) ?? []).map(Number);
      resolve({ said, last: numbers.length === 0 ? from : numbers.at(-2) + numbers.at(-1) });
    });
  });
}

function note({ there, gone }, said) {
  for (const line of said) {
    const [, number, count] = /^\+(\d+) (\d+)/.exec(line) ?? [];
    for (let each = 0; each < Number(count ?? 0); each++)
      there.set(`e${Number(number) + each}`, Number(number) + each);
    const [, deleted] = /^-(\d+)/.exec(line) ?? [];
    if (deleted === undefined) continue;
    there.delete(`e${deleted}`);
    gone.add(`e${deleted}`);
  }
}

/** Reads the whole file: each entry whole, each acknowledged one there. */
async function look(path, { there, gone }, result) {
  const store = await LmdbStore.open(path, WIDTH);
  const found = new Set();
  try {
    for (const [id, { facts, feature }] of store.entries()) {
      found.add(id);
      const number = Number(id.slice(1));
      const isWhole =
        facts.identity === `p${number}` &&
        feature.length === WIDTH &&
        feature.every((value) => value === number + 1);
      if (!isWhole) result.torn++;
      if (gone.has(id)) result.deletedCameBack++;
    }
  } catch (error) {
    result.torn++;
    console.error(error.message);
  }
  result.acknowledged = there.size;
  // A change that was under way may be there in whole: the delete of an acknowledged entry too.
  for (const id of there.keys()) if (!found.has(id) && !wasNext(there, id)) result.lost++;
  result.unacknowledgedFound = [...found].filter((id) => !there.has(id)).length;
  await trim(store, there, found);
  await store.close();
}

/** Whether the child was about to delete an entry: the last one it had enrolled. */
function wasNext(there, id) {
  return id === [...there.keys()].at(-1) && (there.get(id) + 1) % 5 === 0;
}

/** Keeps the file small: the newest 200 entries stay. */
async function trim(store, there, found) {
  // Counted by now, or its delete was under way.
  for (const id of there.keys()) if (!found.has(id)) there.delete(id);
  const old = [...found].filter((id) => !there.has(id)).concat([...there.keys()].slice(0, -200));
  if (old.length === 0) return;
  await store.write(old.map((id) => [id, undefined]));
  for (const id of old) there.delete(id);
}
