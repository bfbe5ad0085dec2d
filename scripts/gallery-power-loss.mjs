// Simulates the loss of power while a gallery's file is written. A child enrols under strace, which records every write to the
// file, every flush and every acknowledgement. For many moments the file is made again as a disk could hold it: all writes before
// the last finished flush, and any of the later ones, in whole or up to a 512-byte sector. Each such file must open, be whole and
// have every acknowledged entry. Linux, needs strace. Prints one JSON object; the exit code is 1 where something was lost.
//   node scripts/gallery-power-loss.mjs [moments, default 300]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LmdbStore } from '../dist/reid/gallery/store/lmdb-store.js';

const WIDTH = 512;
const ENTRIES = 60;
const SECTOR = 512;
const here = fileURLToPath(import.meta.url);

if (process.argv[2] === '--enrol') await enrol(process.argv[3]);
else await main(Number(process.argv[2] ?? 300));

async function enrol(path) {
  const store = await LmdbStore.open(path, WIDTH);
  for (let number = 0; number < ENTRIES; number++) {
    await store.write([[`e${number}`, { facts: {}, feature: new Float32Array(WIDTH).fill(number + 1) }]]);
    process.stdout.write(`acknowledged ${number}\n`);
  }
  await store.close();
}

async function main(moments) {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-power-'));
  const path = join(folder, 'g.lmdb');
  // A new file gets its name when it is complete; what is written afterwards is what can be cut off.
  await (await LmdbStore.open(path, WIDTH)).close();
  const before = readFileSync(path);
  const events = record(folder, path);
  const result = { moments: 0, writes: 0, flushes: 0, lost: 0, torn: 0 };
  result.writes = events.filter(({ kind }) => kind === 'write').length;
  result.flushes = events.filter(({ kind }) => kind === 'flush').length;
  for (let moment = 0; moment < moments; moment++) {
    await tryMoment(
      events.slice(0, 1 + Math.floor(Math.random() * events.length)),
      [join(folder, `m${moment}.lmdb`), before],
      result,
    );
  }
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify(result));
  process.exitCode = result.lost + result.torn > 0 ? 1 : 0;
}

/** What the child did, in order: writes {at, bytes}, flushes {covers}, acknowledgements {number}. */
function record(folder, path) {
  const log = join(folder, 'strace.log');
  const calls =
    'openat,close,pwrite64,pwritev,writev,write,fdatasync,fsync,sync_file_range,msync,ftruncate,lseek';
  const args = [
    '-f',
    '-xx',
    '-s',
    '4194304',
    '-e',
    `trace=${calls}`,
    '-o',
    log,
    process.execPath,
    here,
    '--enrol',
    path,
  ];
  const { status, stderr } = spawnSync('strace', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`Expected strace to run the child, got exit ${status}: ${stderr}`);
  return parse(readFileSync(log, 'latin1').split('\n'), path);
}

function textOf(hex) {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

/** Reads strace's log. A file opened with O_DSYNC is flushed by each write itself. */
function parse(lines, path) {
  const events = [];
  const fds = new Map();
  const started = new Map();
  const places = new Map();
  let writes = 0;
  for (const line of lines) {
    const { thread, isResumed, call, rest } = splitLine(line);
    const [text, fd] = [textOf(/"([^"]*)"/.exec(rest)?.[1] ?? ''), /^(\d+)/.exec(rest)?.[1]];
    if (call === 'openat' && text.toString() === path)
      fds.set(/= (\d+)$/.exec(line)?.[1], /O_DSYNC/.test(rest));
    else if (call === 'close') fds.delete(fd);
    else if (call === 'write' && fd === '1') {
      const number = /acknowledged (\d+)/.exec(text.toString())?.[1];
      if (number !== undefined) events.push({ kind: 'acknowledged', number: Number(number) });
    } else if (/^f(data)?sync$/.test(call)) {
      if (!isResumed && fds.has(fd)) started.set(thread, writes);
      if (!/= 0$/.test(line) || !started.has(thread)) continue;
      events.push({ kind: 'flush', covers: started.get(thread) });
      started.delete(thread);
    } else if (call === 'lseek') {
      places.set(fd, Number(/= (\d+)$/.exec(line)?.[1]));
    } else if (fds.has(fd) && !isResumed) {
      events.push({ kind: 'write', ...writeOf(call, rest, places, fd), isFlushed: fds.get(fd) });
      writes++;
    }
  }
  return events;
}

/** A write's bytes, and where they go: where it says, or where the file was left. */
function writeOf(call, rest, places, fd) {
  const bytes = Buffer.concat([...rest.matchAll(/"([^"]*)"/g)].map(([, hex]) => textOf(hex)));
  const at = /^pwrite/.test(call) ? Number(/, (\d+)(?:\)| <unfinished)/.exec(rest)?.[1]) : places.get(fd);
  if (!/write/.test(call) || !Number.isInteger(at)) {
    throw new Error(`Expected writes with a place, got ${call} ...${rest.slice(-60)}`);
  }
  if (!/^pwrite/.test(call)) places.set(fd, at + bytes.length);
  return { at, bytes };
}

function splitLine(line) {
  const [, thread, resumed, call = ''] = /^(\d+) +(<\.\.\. )?(\w+)/.exec(line) ?? [];
  return { thread, isResumed: resumed !== undefined, call, rest: line.slice(line.indexOf('(') + 1) };
}

/** Makes the file as it could be after the events, and looks at it. */
async function tryMoment(events, [path, before], result) {
  const covered = Math.max(0, ...events.filter(({ kind }) => kind === 'flush').map(({ covers }) => covers));
  let image = before;
  let write = 0;
  for (const [index, { kind, at, bytes, isFlushed }] of events.entries()) {
    if (kind !== 'write') continue;
    // One that flushes itself is safe when anything came after it.
    const isSafe = write++ < covered || (isFlushed && index < events.length - 1);
    const kept = isSafe ? bytes.length : keptOf(bytes.length);
    if (kept === 0) continue;
    if (at + kept > image.length) image = Buffer.concat([image, Buffer.alloc(at + kept - image.length)]);
    if (image === before) image = Buffer.from(before);
    bytes.copy(image, at, 0, kept);
  }
  const acknowledged = events.filter(({ kind }) => kind === 'acknowledged').map(({ number }) => number);
  result.moments++;
  writeFileSync(path, image);
  await look(path, acknowledged, result);
  rmSync(path);
}

/** All of a write, nothing, or some sectors from its beginning. */
function keptOf(length) {
  const draw = Math.random();
  if (draw < 0.4) return 0;
  return draw < 0.7 ? length : Math.floor((Math.random() * length) / SECTOR) * SECTOR;
}

async function look(path, acknowledged, result) {
  const found = new Set();
  try {
    const store = await LmdbStore.open(path, WIDTH);
    for (const [id, { feature }] of store.entries()) {
      found.add(id);
      if (!feature.every((value) => value === Number(id.slice(1)) + 1)) result.torn++;
    }
    await store.close();
  } catch (error) {
    result.torn++;
    console.error(error.message);
  }
  for (const number of acknowledged) if (!found.has(`e${number}`)) result.lost++;
}
