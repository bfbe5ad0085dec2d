// Ways to serve single images from one Node process: each gives { prepare(pixels), answer(image) -> logits }.
import { Worker } from 'node:worker_threads';
import { ENGINES, onnxruntimeNode } from './engines.mjs';

const IMAGE = [3, 224, 224];
const PIXELS = IMAGE.reduce((a, b) => a * b);
const CLASSES = 1000;

/** compile(), with or without its own micro-batching. */
async function compiled({ maxBatch, maxDelayMs, ...settings }) {
  const options = maxBatch === undefined ? {} : { maxBatch, maxDelayMs };
  const { fast, feed } = await ENGINES.compiled({ ...settings, options });
  return {
    prepare: (pixels) => feed(pixels, [1, ...IMAGE]),
    async answer(image) {
      const y = await fast.run(image);
      const logits = y.data();
      y.dispose();
      return logits;
    },
  };
}

async function session(file, threads) {
  const { InferenceSession, Tensor } = onnxruntimeNode();
  const opened = await InferenceSession.create(file, { intraOpNumThreads: threads });
  return async (pixels, batch) => {
    const { output } = await opened.run({ input: new Tensor('float32', pixels, [batch, ...IMAGE]) });
    return output.data;
  };
}

async function onnxruntime({ file, threads }) {
  const run = await session(file, threads);
  return { prepare: (pixels) => pixels, answer: (pixels) => run(pixels, 1) };
}

/** The micro-batching that a user would write around onnxruntime-node. */
async function onnxruntimeBatched({ file, threads, maxBatch }) {
  const run = await session(file, threads);
  const waiting = [];
  let busy = false;

  async function serve() {
    busy = true;
    while (waiting.length > 0) {
      const requests = waiting.splice(0, maxBatch);
      const pixels = new Float32Array(requests.length * PIXELS);
      for (const [i, request] of requests.entries()) pixels.set(request.pixels, i * PIXELS);
      const logits = await run(pixels, requests.length);
      for (const [i, request] of requests.entries()) {
        request.resolve(logits.slice(i * CLASSES, (i + 1) * CLASSES));
      }
      await new Promise(setImmediate); // callers send their next images
    }
    busy = false;
  }

  const answer = (pixels) =>
    new Promise((resolve) => {
      waiting.push({ pixels, resolve });
      if (!busy) setImmediate(() => busy || serve());
    });
  return { prepare: (pixels) => pixels, answer };
}

/** Sessions in worker threads, which keep the event loop free: each image goes to the one with the fewest waiting. */
async function onnxruntimeWorkers({ file, threads, workers }) {
  const pool = Array.from({ length: workers }, () => {
    const worker = new Worker(new URL('serving-worker.mjs', import.meta.url), {
      workerData: { file, threads: threads / workers },
    });
    const waiting = [];
    worker.on('message', (logits) => waiting.shift().resolve(logits));
    worker.on('error', (error) => {
      throw error;
    });
    return { worker, waiting };
  });
  const answer = (pixels) =>
    new Promise((resolve) => {
      const { worker, waiting } = pool.reduce((a, b) => (b.waiting.length < a.waiting.length ? b : a));
      waiting.push({ resolve });
      worker.postMessage(pixels);
    });
  return { prepare: (pixels) => pixels, answer };
}

export const SERVERS = { compiled, onnxruntime, onnxruntimeBatched, onnxruntimeWorkers };
