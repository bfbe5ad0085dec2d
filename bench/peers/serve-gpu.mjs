// A peer in Node on a GPU that stays; settings and commands as in serve_gpu.py.  node serve-gpu.mjs '{"engine": "eager", ..}'
import { readFileSync, writeFileSync } from 'node:fs';
import { cuda } from '../../dist/index.js';
import { answer } from './answers.mjs';
import { GPU_ENGINES } from './gpu-engines.mjs';

const settings = JSON.parse(process.argv[2]);
const synchronize = settings.device === 'cuda' ? () => cuda.synchronize() : () => {};
const inputs = new Map();

async function timed(engine, x) {
  synchronize();
  const start = performance.now();
  const given = engine.run(x);
  const called = performance.now();
  const y = given instanceof Promise ? await given : given;
  synchronize();
  const end = performance.now();
  engine.free(y);
  return { wall: end - start, host: called - start };
}

/** None waits for the one before. */
async function queued(engine, x, iterations) {
  synchronize();
  const start = performance.now();
  const waiting = [];
  for (let i = 0; i < iterations; i++) {
    const given = engine.run(x);
    if (given instanceof Promise) waiting.push(given.then(engine.free));
    else engine.free(given);
  }
  await Promise.all(waiting);
  synchronize();
  return (performance.now() - start) / iterations;
}

const commands = {
  async prepare(engine, { batch, input, output }) {
    const bytes = readFileSync(input);
    const array = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const x = engine.feed(array, [batch, 3, 224, 224]);
    inputs.set(batch, x);
    const values = [];
    for (let i = 0; i < (engine.steps ?? 1); i++) {
      const y = await engine.run(x);
      values.push(...engine.finish(y));
      engine.free(y);
    }
    writeFileSync(output, Buffer.from(Float32Array.from(values).buffer));
    return {};
  },
  async time(engine, { batch, warmup, iterations }) {
    const x = inputs.get(batch);
    for (let i = 0; i < warmup; i++) await timed(engine, x);
    const runs = [];
    for (let i = 0; i < iterations; i++) runs.push(await timed(engine, x));
    const wall = runs.map((one) => one.wall);
    const host = runs.map((one) => one.host);
    return { wall, host, queued: await queued(engine, x, iterations) };
  },
  memory() {
    return { peak: settings.device === 'cuda' ? cuda.maxMemoryAllocated() / 2 ** 20 : null };
  },
};

await answer(() => GPU_ENGINES[settings.engine](settings), commands);
