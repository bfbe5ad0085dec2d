// A server of single images and its callers in one process; commands as in serve.mjs:
//   {"do": "load", "callers": 16, "seconds": 2}   each caller sends its next image when the answer is there
// gives requests per second, ms of a request and ms of the event loop's delay (which has the 1 ms of its timer in it).
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { noise } from './noise.mjs';
import { SERVERS } from './servers.mjs';

const settings = JSON.parse(process.argv[2]);
const reply = (values) => process.stdout.write(`@${JSON.stringify(values)}\n`);
const PIXELS = 3 * 224 * 224;

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

async function load(answer, images, { callers, seconds }) {
  const end = performance.now() + seconds * 1000;
  const latencies = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  async function caller(image) {
    while (performance.now() < end) {
      const sent = performance.now();
      await answer(image);
      latencies.push(performance.now() - sent);
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, i) => caller(images[i % images.length])));
  const elapsed = performance.now() - start;
  await setTimeout(5); // the timer that waited for the last answer is counted
  delay.disable();
  const sorted = latencies.sort((a, b) => a - b);
  return {
    times: [elapsed / latencies.length],
    'requests/s': (latencies.length / elapsed) * 1000,
    'request p50': percentile(sorted, 0.5),
    'request p99': percentile(sorted, 0.99),
    'loop p50': delay.percentile(50) / 1e6,
    'loop p99': delay.percentile(99) / 1e6,
    'loop max': delay.max / 1e6,
  };
}

try {
  const { prepare, answer } = await SERVERS[settings.server](settings);
  const all = noise(settings.callers);
  const images = Array.from({ length: settings.callers }, (_, i) =>
    prepare(all.slice(i * PIXELS, (i + 1) * PIXELS)),
  );
  const first = await Promise.all(images.map(answer));
  await load(answer, images, { callers: settings.callers, seconds: 1 });
  reply({ ready: true, logits: first.map((logits) => Array.from(logits)) });
  for await (const line of createInterface({ input: process.stdin })) {
    await load(answer, images, { ...JSON.parse(line), seconds: 0.3 }); // the team has slept
    reply(await load(answer, images, JSON.parse(line)));
  }
  process.exit(0);
} catch (error) {
  reply({ error: String(error).slice(0, 500) });
  process.exit(1);
}
