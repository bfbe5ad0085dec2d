// A peer in Node that stays; settings and commands as in serve.py.  node serve.mjs '{"engine": "compiled", ..}'
import { readFileSync, writeFileSync } from 'node:fs';
import { answer } from './answers.mjs';
import { ENGINES } from './engines.mjs';

const settings = JSON.parse(process.argv[2]);
const inputs = new Map();

async function timed(engine, x) {
  const start = performance.now();
  const y = await engine.run(x);
  const ms = performance.now() - start;
  engine.free(y);
  return ms;
}

async function times(engine, x, iterations) {
  const found = [];
  for (let i = 0; i < iterations; i++) found.push(await timed(engine, x));
  return found;
}

const commands = {
  async prepare(engine, { batch, input, output }) {
    const bytes = readFileSync(input);
    const array = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const x = engine.feed(array, [batch, 3, 224, 224]);
    inputs.set(batch, x);
    const y = await engine.run(x);
    writeFileSync(output, Buffer.from(Float32Array.from(engine.finish(y)).buffer));
    engine.free(y);
    return {};
  },
  async time(engine, { batch, warmup, iterations }) {
    await times(engine, inputs.get(batch), warmup);
    return { times: await times(engine, inputs.get(batch), iterations) };
  },
  memory() {
    const status = readFileSync('/proc/self/status', 'utf8');
    const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    return { resident: field('VmRSS'), peak: field('VmHWM') };
  },
};

await answer(() => ENGINES[settings.engine](settings), commands);
