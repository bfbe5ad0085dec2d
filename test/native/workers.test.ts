import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { memoryStats, ones, ops, scope } from '../../lib/tensor/index.ts';
import { dist, runChild } from '../helpers/index.ts';

const layer = JSON.stringify(`${pathToFileURL(dist).href}/tensor/index.js`);

/** A worker that runs `source` with `ibn` and `parentPort`. */
function startWorker(source: string): Worker {
  const text = `
    import { parentPort, workerData } from 'node:worker_threads';
    import * as ibn from ${layer};
    ${source}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`));
}

function messageOf<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
}

// A step of a small network; the sum of the weight's gradient is the same everywhere.
const step = `
  ibn.setNumThreads(1);
  const train = () => ibn.scope(() => {
    const weight = ibn.ones([4, 3, 3, 3], { requiresGrad: true });
    const x = ibn.ones([2, 3, 16, 16]);
    ibn.ops.aten.conv2d(x, weight, null, [1, 1], [1, 1]).relu().mean().backward();
    return weight.grad.sum().item();
  });`;

describe('several worker_threads at once', () => {
  it('four train at the same time and agree', async () => {
    const workers = Array.from({ length: 4 }, () =>
      startWorker(`${step}
        const results = new Set();
        for (let i = 0; i < 50; i++) results.add(train());
        parentPort.postMessage([...results]);`),
    );
    const results = await Promise.all(workers.map((worker) => messageOf<number[]>(worker)));
    const expected = scope(() => {
      const weight = ones([4, 3, 3, 3], { requiresGrad: true });
      ops.aten
        .conv2d(ones([2, 3, 16, 16]), weight, null, [1, 1], [1, 1])
        .relu()
        .mean()
        .backward();
      return weight.grad?.sum().item() as number;
    });
    for (const result of results) {
      expect(result).toHaveLength(1);
      expect(result[0]).toBeCloseTo(expected, 3);
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it('each has a scope, a count, a grad mode and a number of threads of its own', async () => {
    const x = ones([3]);
    const worker = startWorker(`
      const before = ibn.memoryStats().tensors;
      const grad = [ibn.isGradEnabled(), ibn.isInferenceModeEnabled()];
      ibn.setGradEnabled(false);
      ibn.setNumThreads(1);
      const kept = [ibn.ones([2]), ibn.ones([2])];
      parentPort.postMessage({ before, grad, after: ibn.memoryStats().tensors });`);
    const before = memoryStats().tensors;
    const result = await scope(() => ({ promise: messageOf(worker) })).promise;
    expect(result).toEqual({ before: 0, grad: [true, false], after: 2 });
    expect(memoryStats().tensors).toBe(before);
    expect(x.mul(2).requiresGrad).toBe(false);
    expect(ones([1], { requiresGrad: true }).mul(2).requiresGrad).toBe(true);
    await worker.terminate();
    x.dispose();
  });

  it('give their memory back when they end', async () => {
    const before = memoryStats().cpuBytes;
    const worker = startWorker(`
      globalThis.kept = [ibn.zeros([1_000_000]), ibn.zeros([1_000_000])];
      globalThis.graph = ibn.ones([1000], { requiresGrad: true }).exp();
      parentPort.postMessage('ready');
      parentPort.once('message', () => {});`);
    await messageOf(worker);
    expect(memoryStats().cpuBytes - before).toBeGreaterThanOrEqual(8_000_000);
    await worker.terminate();
    expect(memoryStats().cpuBytes).toBe(before);
  });

  it('may be terminated in the middle of a call', async () => {
    const { code, stderr } = await runChild(`
      import { Worker } from 'node:worker_threads';
      const source = \`
        const { parentPort } = await import('node:worker_threads');
        const ibn = await import('\${dist}/tensor/index.js');
        ${step.replaceAll('`', '\\`')}
        parentPort.postMessage('ready');
        for (;;) train();\`;
      const url = new URL('data:text/javascript,' + encodeURIComponent(source));
      for (let round = 0; round < 3; round++) {
        const workers = [0, 1, 2, 3].map(() => new Worker(url));
        await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
        await new Promise((resolve) => setTimeout(resolve, 30 * round));
        await Promise.all(workers.map((worker) => worker.terminate()));
      }
      console.log(ibn.ones([2]).sum().item());`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('may end in any mode', async () => {
    const bodies = [
      'ibn.inferenceMode(() => process.exit(3));',
      'ibn.noGrad(() => process.exit(3));',
      'ibn.scope(() => { ibn.ones([3]); process.exit(3); });',
      'globalThis.x = ibn.fromBuffer(new Float32Array(10)); process.exit(3);',
      'ibn.ones([2], { requiresGrad: true }).sum().backward(); process.exit(3);',
    ];
    for (const body of bodies) expect(await exitOf(startWorker(body))).toBe(3);
    expect(ones([1]).disposed).toBe(false);
  });

  it('errors in them arrive as errors', async () => {
    const worker = startWorker('ibn.ones([2]).matmul(ibn.ones([3, 3]));');
    const error = await new Promise<Error>((resolve) => worker.once('error', resolve));
    expect(error.message).toContain('cannot be multiplied');
  });

  it('tensors cannot be posted, only their data', async () => {
    const x = ones([2]);
    const worker = startWorker(`
      parentPort.on('message', (value) => {
        parentPort.postMessage(value instanceof Float32Array ? ibn.tensor(value).sum().item() : typeof value);
      });`);
    const data = x.data() as Float32Array;
    worker.postMessage(data, [data.buffer as ArrayBuffer]);
    expect(await messageOf(worker)).toBe(2);
    expect(() => worker.postMessage(x)).toThrow('could not be cloned');
    await worker.terminate();
    x.dispose();
  });

  it('libtorch is mapped once and stays when a worker that loaded it first ends', async () => {
    const { code, stdout, stderr } = await runChild(`
      import { Worker } from 'node:worker_threads';
      for (let i = 0; i < 5; i++) {
        const source = 'const ibn = await import("' + dist + '/tensor/index.js"); ibn.ones([10]).exp();';
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
        await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
      }
      console.log(ibn.ones([2]).sum().item());`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '2\n', stderr: '' });
  });
});
