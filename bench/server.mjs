// How many images a second does serve.createServer answer to 1 to 256 connections, over compile() and over onnxruntime-node? What does
// it do beyond saturation, with malformed requests, over half an hour? Callers (autocannon) and server share the machine.
//   node bench/server.mjs [--connections 1,4,16,64,256] [--seconds 60] [--malformed 10000] [--minutes 30] [--photo photo.jpg]
// PYTHON and PEERS: see bench/race/contestants.mjs; autocannon and onnxruntime-node stand in the folder PEERS:
//   npm install --prefix "$PEERS" autocannon onnxruntime-node
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, root, rounded } from './harness.mjs';
import { HttpPeer } from './peers/http-peer.mjs';
import { malformedRequests } from './peers/malformed-requests.mjs';
import { onnxOf, THREADS, weightsOf } from './race/contestants.mjs';
import { folder } from './race/files.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet50_ibn_a' },
    connections: { type: 'string', default: '1,4,16,64,256' },
    seconds: { type: 'string', default: '60' },
    warmup: { type: 'string', default: '2' },
    engines: { type: 'string', default: 'compiled,onnxruntime' },
    pending: { type: 'string', default: '128' },
    malformed: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '0' },
    photo: { type: 'string', default: join(root, 'test/fixtures/images/modes/422.jpg') },
    name: { type: 'string', default: 'server' },
  },
});
const autocannon = createRequire(join(folder, 'package.json'))('autocannon');
const levels = values.connections === '' ? [] : values.connections.split(',').map(Number);
const [seconds, warmup, maxPending] = [values.seconds, values.warmup, values.pending].map(Number);
const TITLES = { compiled: 'ibn-net compiled', onnxruntime: 'onnxruntime-node, batches of 8' };
const THROUGHPUT_BAR = 1.2;
const LOOP_BAR = 10;
const GROWTH_BAR = 1.05;

const start = (engine) =>
  HttpPeer.start({
    engine,
    network: values.network,
    weights: weightsOf(values.network),
    ...(engine === 'onnxruntime' ? { file: onnxOf(values.network) } : {}),
    threads: THREADS,
    maxBatch: engine === 'onnxruntime' ? 8 : 16,
    maxDelayMs: 2,
    maxPending,
  });

const load = (url, connections, duration) =>
  autocannon({
    url: `${url}/classify?top=5`,
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: readFileSync(values.photo),
    connections,
    duration,
    timeout: 120,
  });

/** One number of connections: answers, statuses, ms, the server's event loop and memory. */
async function level(peer, connections) {
  await load(peer.url, connections, warmup);
  await peer.ask('reset');
  const result = await load(peer.url, connections, seconds);
  const figures = await peer.ask('figures');
  const statuses = Object.fromEntries(
    Object.entries(result.statusCodeStats ?? {}).map(([status, { count }]) => [status, count]),
  );
  const answered = statuses['200'] ?? 0;
  return {
    connections,
    'images/s': answered / result.duration,
    ms: result.latency.p50,
    'p99 ms': result.latency.p99,
    statuses,
    'connections lost': result.errors - result.timeouts,
    ...figures,
  };
}

function send(port, bytes) {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

/** How many malformed requests got what; 16 callers. */
async function malformed(peer, count) {
  const port = Number(new URL(peer.url).port);
  const requests = malformedRequests(0, count);
  const statuses = {};
  const odd = [];
  const megabytes = [(await peer.ask('figures')).MB];
  let done = 0;
  async function caller() {
    for (const { name, bytes } of requests) {
      const answer = await send(port, bytes);
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'none';
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (!/^4\d\d$/.test(status) || !/"message":"[^"]{5,}/.test(answer))
        odd.push(`${name}: ${answer.slice(0, 200)}`);
      if (++done % Math.ceil(count / 10) === 0) megabytes.push((await peer.ask('figures')).MB);
    }
  }
  // One after the other for IPC's sake, many on the wire.
  await Promise.all(Array.from({ length: 8 }, caller));
  return {
    requests: done,
    statuses,
    odd: odd.slice(0, 5),
    'without a 4xx and a reason': odd.length,
    megabytes,
  };
}

/** Resident memory every ten seconds under 16 callers. */
async function memory(peer, minutes) {
  const megabytes = [];
  const watch = setInterval(async () => megabytes.push((await peer.ask('figures')).MB), 10_000);
  const { statusCodeStats } = await load(peer.url, 16, minutes * 60);
  clearInterval(watch);
  return { minutes, megabytes, statuses: statusCodeStats };
}

const rows = [];
const bars = [];
const bar = (name, value, limit, reached) => bars.push({ name, value: rounded(value), bar: limit, reached });
for (const engine of values.engines.split(',')) {
  const peer = await start(engine);
  for (const connections of levels) {
    const run = await level(peer, connections);
    const { statuses, ...medians } = run;
    const shown = Object.fromEntries(Object.entries(medians).map(([key, value]) => [key, rounded(value)]));
    rows.push({
      name: `${TITLES[engine]}, ${connections} connections`,
      medians: { ...shown, statuses: JSON.stringify(statuses) },
      runs: [run],
    });
  }
  if (engine === 'compiled') await more(peer);
  const code = await peer.end();
  if (code !== 0) throw new Error(`Expected the server to end with 0, got ${code}`);
}

async function more(peer) {
  if (Number(values.malformed) > 0) {
    const run = await malformed(peer, Number(values.malformed));
    const [early, late] = [run.megabytes[2], run.megabytes.at(-1)];
    rows.push({
      name: 'malformed requests',
      medians: { requests: run.requests, wrong: run['without a 4xx and a reason'] },
      runs: [run],
    });
    const wrong = run['without a 4xx and a reason'];
    bar('malformed requests without a 4xx and a reason', wrong, 0, wrong === 0);
    bar(
      'resident memory, end of the malformed requests / after a fifth',
      late / early,
      GROWTH_BAR,
      late / early <= GROWTH_BAR,
    );
  }
  if (Number(values.minutes) > 0) {
    const run = await memory(peer, Number(values.minutes));
    const third = Math.floor(run.megabytes.length / 3);
    const ratio = median(run.megabytes.slice(-third)) / median(run.megabytes.slice(third, 2 * third));
    rows.push({
      name: `${run.minutes} minutes of 16 connections`,
      medians: { 'last third / second': rounded(ratio) },
      runs: [run],
    });
    bar(
      `resident memory over ${run.minutes} minutes, last third / second`,
      ratio,
      GROWTH_BAR,
      ratio <= GROWTH_BAR,
    );
  }
}

const of = (engine, connections) =>
  rows.find(({ name }) => name === `${TITLES[engine]}, ${connections} connections`)?.runs[0];
for (const connections of levels) {
  const [ours, theirs] = [of('compiled', connections), of('onnxruntime', connections)];
  if (ours === undefined) continue;
  if (theirs !== undefined) {
    const ratio = ours['images/s'] / theirs['images/s'];
    bar(
      `images/s of ${connections} connections / onnxruntime-node`,
      ratio,
      THROUGHPUT_BAR,
      ratio >= THROUGHPUT_BAR,
    );
  }
  bar(
    `event loop p99 of ${connections} connections, ms`,
    ours['loop p99'],
    LOOP_BAR,
    ours['loop p99'] < LOOP_BAR,
  );
  const allowed = connections > maxPending ? ['200', '429'] : ['200'];
  const others = Object.entries(ours.statuses).filter(([status]) => !allowed.includes(status));
  const count = others.reduce((sum, [, many]) => sum + many, 0) + ours['connections lost'];
  bar(`answers of ${connections} connections but ${allowed.join(' and ')}`, count, 0, count === 0);
}
const question = `${values.network}: JPEG files to serve.createServer on ${THREADS} cores, callers on the same; images a second, ms`;
record(values.name, question, {
  rows,
  bars,
  notes: { seconds, maxPending, photo: values.photo.split('/').at(-1) },
});
