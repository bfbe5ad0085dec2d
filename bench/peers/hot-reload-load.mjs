// A server that reloads its network while callers wait for answers, all in one process:
//   node bench/peers/hot-reload-load.mjs '{"way": "loadCompiled", "callers": 64, "swaps": 20, ...}'
// prints one JSON object: requests and how they ended, ms of the event loop's delay (which has the 1 ms of its timer in
// it), and resident MB after each swap.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { checkpoint, compile, fromBuffer, loadCompiled, models, nn } from '../../dist/index.js';
import { relativeError } from '../race/files.mjs';
import { compileInWorker } from './hot-reload-worker.mjs';
import { noise } from './noise.mjs';

const settings = JSON.parse(process.argv[2]);
const { network, weights, file, threads, callers, swaps, pause } = settings;
const SHAPE = [1, 3, 224, 224];
const PIXELS = 3 * 224 * 224;
const options = { threads, maxBatch: 16, maxDelayMs: 2 };

/** Ways to get the next model. */
const WAYS = {
  loadCompiled: () => loadCompiled(file, options),
  async compile() {
    const model = nn.utils.skipInit(() => models.getModel(network));
    checkpoint.loadInto(model, weights, { mmap: true });
    const fresh = await compile(model.eval(), { inputs: [SHAPE], ...options });
    for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
    return fresh;
  },
  worker: () => compileInWorker({ network, weights, inputs: [SHAPE], options }),
};

const load = WAYS[settings.way];
let current = await load();
const all = noise(callers);
const images = Array.from({ length: callers }, (_, i) =>
  fromBuffer(all.slice(i * PIXELS, (i + 1) * PIXELS), { dtype: 'float32', shape: SHAPE }),
);

async function answer(image) {
  const y = await current.run(image);
  const logits = y.data();
  y.dispose();
  return logits;
}

const expected = await Promise.all(images.map(answer));
const isExpected = (logits, i) => relativeError(logits, expected[i]) < 1e-4;
const counts = { answered: 0, lost: 0, wrong: 0 };
const errors = new Set();
let running = true;

async function caller(image, i) {
  while (running) {
    try {
      const logits = await answer(image);
      counts.answered++;
      if (!isExpected(logits, i)) counts.wrong++;
    } catch (error) {
      counts.lost++;
      errors.add(String(error));
      await setTimeout(1);
    }
  }
}

async function closeOld(old) {
  if (old.close !== undefined) await old.close();
  else old.dispose();
}

/**
 * The event loop's delay, as Node's histogram of a timer of 1 ms has it, and as an event sees it that comes at any moment:
 * a histogram counts a second in which the loop stood still as one sample of a thousand, though a tenth of all events may
 * have come in it.
 */
class LoopWatch {
  #histogram = monitorEventLoopDelay({ resolution: 1 });
  #gaps = [];
  #timer;

  start() {
    this.#histogram.enable();
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      this.#gaps.push(now - last);
      last = now;
      this.#timer = globalThis.setTimeout(tick, 1);
    };
    this.#timer = globalThis.setTimeout(tick, 1);
  }

  async stop() {
    await setTimeout(3); // the timers that waited are counted
    this.#histogram.disable();
    clearTimeout(this.#timer);
  }

  result() {
    return {
      p50: this.#histogram.percentile(50) / 1e6,
      p99: this.#histogram.percentile(99) / 1e6,
      max: this.#histogram.max / 1e6,
      'p99 of arrivals': this.#arrivals(0.01),
    };
  }

  /** The delay that this share of events exceeds: those that come in a gap wait for its end. */
  #arrivals(share) {
    const total = this.#gaps.reduce((sum, gap) => sum + gap, 0);
    let [low, high] = [0, this.#histogram.max / 1e6];
    while (high - low > 0.01) {
      const middle = (low + high) / 2;
      const beyond = this.#gaps.reduce((sum, gap) => sum + Math.max(0, gap - middle), 0);
      [low, high] = beyond / total > share ? [middle, high] : [low, middle];
    }
    return high;
  }
}

const [always, swapping, calm] = [new LoopWatch(), new LoopWatch(), new LoopWatch()];
const callersDone = Promise.all(images.map(caller));
await setTimeout(2000);
calm.start();
await setTimeout(2000);
await calm.stop();
always.start();
const megabytes = [];
const seconds = [];
const start = performance.now();
for (let swap = 0; swap < swaps; swap++) {
  swapping.start();
  const began = performance.now();
  const fresh = await load();
  const old = current;
  current = fresh;
  await closeOld(old);
  seconds.push((performance.now() - began) / 1000);
  await swapping.stop();
  await setTimeout(pause);
  megabytes.push(Math.round(process.memoryUsage().rss / 2 ** 20));
}
await always.stop();
running = false;
const elapsed = (performance.now() - start) / 1000;
const answered = counts.answered;
await callersDone;
console.log(
  JSON.stringify({
    ...counts,
    errors: [...errors],
    'requests/s': answered / elapsed,
    seconds,
    loop: { always: always.result(), swapping: swapping.result(), calm: calm.result() },
    megabytes,
  }),
);
process.exit(0);
