import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { cuda, empty, ones, ops, randn, scope, tensor, zeros } from '../../lib/index.ts';
import { itOnCuda, runChild } from '../helpers/index.ts';

describe('copies to the CPU as promises', () => {
  it('shares the memory of a CPU tensor, without its graph', async () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = await x.cpuAsync();
    expect([y.toArray(), y.requiresGrad, y.device]).toEqual([[1, 2], false, 'cpu']);
    y.mul_(3);
    expect(x.toArray()).toEqual([3, 6]);
    for (const made of [x, y]) made.dispose();
  });

  it('gives the numbers as a typed array', async () => {
    const x = tensor([[1n, 2n]]);
    expect(await x.dataAsync()).toEqual(new BigInt64Array([1n, 2n]));
    x.dispose();
  });

  it('settles many at once, in any order, off the stack of the caller', async () => {
    const tensors = Array.from({ length: 100 }, (_, i) => tensor([i]));
    let settled = 0;
    const copies = tensors.map((x) =>
      x.cpuAsync().then((copy) => {
        settled++;
        return copy;
      }),
    );
    expect(settled).toBe(0);
    const done = await Promise.all(copies);
    expect(done.map((copy) => copy.item())).toEqual(tensors.map((_, i) => i));
    for (const x of [...tensors, ...done]) x.dispose();
  });

  it('outlives the disposal of its source', async () => {
    const x = tensor([7]);
    const copy = x.cpuAsync();
    x.dispose();
    const y = await copy;
    expect(y.item()).toBe(7);
    y.dispose();
  });

  it('rejects what it cannot copy', async () => {
    const x = tensor([1]);
    x.dispose();
    await expect(x.cpuAsync()).rejects.toMatchObject({ code: 'ERR_TENSOR_DISPOSED' });
    const meta = zeros([1], { device: 'meta' });
    await expect(meta.cpuAsync()).rejects.toThrow('Expected a tensor on cpu or cuda, got one on meta');
    meta.dispose();
  });

  it('keeps a process alive until it settles, and lets it end then', async () => {
    const source = `
      const { tensor } = ibn;
      tensor([5]).cpuAsync().then((copy) => console.log(copy.item()));`;
    const { stdout, code, signal } = await runChild(source, { timeout: 20_000 });
    expect([stdout, code, signal]).toEqual(['5\n', 0, null]);
  });

  it('survives workers that end with copies under way', async () => {
    const source = `
      import * as ibn from '${new URL('../../dist/tensor/index.js', import.meta.url)}';
      import { parentPort } from 'node:worker_threads';
      for (let i = 0; i < 200; i++) ibn.tensor([i]).cpuAsync();
      parentPort.postMessage('busy');
      setInterval(() => { for (let i = 0; i < 50; i++) ibn.tensor([i]).cpuAsync(); }, 1);`;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await sleep(5 * round);
      await worker.terminate();
    }
    const x = tensor([1]);
    const y = await x.cpuAsync();
    expect(y.item()).toBe(1);
    for (const made of [x, y]) made.dispose();
  });

  itOnCuda('copies into page-locked memory while the event loop runs', async () => {
    const x = randn([2048, 2048], { device: 'cuda' });
    let product = x;
    for (let i = 0; i < 200; i++) {
      const next = product.matmul(x).div(64);
      if (product !== x) product.dispose();
      product = next;
    }
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const copy = await product.cpuAsync();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    expect([copy.device, copy.isPinned()]).toEqual(['cpu', true]);
    scope(() => expect(ops.aten.equal(copy, product.cpu())).toBe(true));
    for (const made of [x, product, copy]) made.dispose();
  });

  itOnCuda('gives what the tensor was at the call, whatever shape it has in memory', async () => {
    const base = randn([4, 6, 5], { device: 'cuda' });
    const views = [
      base.transpose(0, 2),
      base.index(':', 1),
      base.expand([3, 4, 6, 5]),
      ops.aten._neg_view(base),
    ];
    const wanted = views.map((view) => view.cpu());
    const copies = views.map((view) => view.cpuAsync());
    base.zero_();
    for (const [i, copy] of (await Promise.all(copies)).entries()) {
      expect(ops.aten.equal(copy, wanted[i] as typeof copy)).toBe(true);
      copy.dispose();
    }
    for (const made of [base, ...views, ...wanted]) made.dispose();
  });

  itOnCuda('reads pinned memory without waiting, in the order of the stream', async () => {
    const host = ones([1 << 20], { pinMemory: true });
    expect(host.isPinned()).toBe(true);
    const copies = new cuda.Stream();
    const there = cuda.withStream(copies, () => host.to('cuda', { nonBlocking: true }));
    cuda.currentStream().waitStream(copies);
    there.recordStream(cuda.currentStream());
    const sum = there.sum();
    const back = await sum.cpuAsync();
    expect(back.item()).toBe(1 << 20);
    for (const made of [host, there, sum, back]) made.dispose();
  });

  itOnCuda('fills pinned memory through its bytes', () => {
    const host = empty([4], { pinMemory: true });
    new Float32Array(host.untypedStorage().bytes().buffer).set([1, 2, 3, 4]);
    scope(() => expect(host.cuda().toArray()).toEqual([1, 2, 3, 4]));
    host.dispose();
  });
});
