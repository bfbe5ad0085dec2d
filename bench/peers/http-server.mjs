// The server of serve.createServer over compile() or over onnxruntime-node, in a process of its own. Settings as the first argument;
// by IPC: { do: 'reset' } begins to watch the event loop, { do: 'figures' } gives what was seen; 'end' closes the server.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fromBuffer, IMAGENET_CLASSES, serve, setNumThreads, transforms } from '../../dist/index.js';
import { ENGINES, onnxruntimeNode } from './engines.mjs';

const settings = JSON.parse(process.argv[2]);
const CLASSES = 1000;
const IMAGE = 3 * 224 * 224;

async function compiled({ network, weights, threads, maxBatch, maxDelayMs, maxPending }) {
  const options = { maxBatch, maxDelayMs, maxQueue: maxPending };
  const { fast } = await ENGINES['compiled-lean']({
    engine: 'compiled-lean',
    network,
    weights,
    dtype: 'float32',
    threads,
    options,
  });
  return fast;
}

/** The micro-batching that its users write around it: what came meanwhile is the next batch. */
async function onnxruntime({ file, threads, maxBatch }) {
  const { InferenceSession, Tensor } = onnxruntimeNode();
  const session = await InferenceSession.create(file, { intraOpNumThreads: threads });
  const waiting = [];
  let isBusy = false;

  async function work() {
    isBusy = true;
    while (waiting.length > 0) {
      const calls = waiting.splice(0, maxBatch);
      const pixels = new Float32Array(calls.length * IMAGE);
      for (const [i, call] of calls.entries()) pixels.set(call.pixels, i * IMAGE);
      const { output } = await session.run({
        input: new Tensor('float32', pixels, [calls.length, 3, 224, 224]),
      });
      for (const [i, { resolve }] of calls.entries()) {
        resolve(fromBuffer(output.data.slice(i * CLASSES, (i + 1) * CLASSES), { shape: [1, CLASSES] }));
      }
      await new Promise(setImmediate);
    }
    isBusy = false;
  }

  return {
    run: (x) =>
      new Promise((resolve) => {
        waiting.push({ pixels: x.contiguous().data(), resolve });
        if (!isBusy) setImmediate(() => isBusy || work());
      }),
  };
}

const model = await { compiled, onnxruntime }[settings.engine](settings);
const service = await serve.classification({
  load: () => ({
    name: settings.engine,
    model,
    transform: transforms.imagenetEval(),
    classes: IMAGENET_CLASSES,
  }),
});
const server = await serve.createServer(service, { maxPending: settings.maxPending });
setNumThreads(1);
const url = await server.listen({ port: 0 });

const delay = monitorEventLoopDelay({ resolution: 1 });
const commands = {
  reset() {
    delay.reset();
    delay.enable();
    return {};
  },
  figures: () => ({
    'loop p50': delay.percentile(50) / 1e6,
    'loop p99': delay.percentile(99) / 1e6,
    'loop max': delay.max / 1e6,
    MB: process.memoryUsage().rss / 1e6,
    images: service && model.stats?.().images,
    batches: model.stats?.().batches,
  }),
};
process.on('message', async (command) => {
  if (command.do === 'end') {
    await server.close();
    process.disconnect();
    return;
  }
  process.send(commands[command.do]());
});
process.send({ url });
