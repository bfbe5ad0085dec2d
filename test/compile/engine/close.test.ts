import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel, loadCompiled } from '../../../lib/compile/index.ts';
import { manualSeed, randn, setNumThreads, type Tensor } from '../../../lib/tensor/index.ts';
import { dist, errorOf, runChild, tmp } from '../../helpers/index.ts';
import { compilePlan, rejection, slowNetwork, smallNetwork } from '../plan-maker.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

const slowInput = () => randn([1, 64, 56, 56]);

async function disposeAll(calls: Promise<Tensor>[]): Promise<void> {
  for (const call of calls) (await call).dispose();
}

describe('close', () => {
  it('answers the calls that are under way, then disposes the model', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const x = slowInput();
    const calls = Array.from({ length: 16 }, () => model.run(x));
    x.dispose();
    const closed = model.close();
    expect([model.closed, model.disposed]).toEqual([true, false]);
    expect(model.stats().queued).toBeGreaterThan(0);
    await closed;
    expect([model.closed, model.disposed]).toEqual([true, true]);
    const results = await Promise.all(calls);
    expect(results.map(({ shape }) => shape[0])).toEqual(Array.from({ length: 16 }, () => 1));
    await disposeAll(calls);
  });

  it('refuses calls that come after it, before and after they have ended', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const x = slowInput();
    const call = model.run(x);
    const closed = model.close();
    const { name, code, message } = await rejection(model.run(x));
    expect({ name, code, message }).toMatchInlineSnapshot(`
      {
        "code": "ERR_COMPILED_CLOSED",
        "message": "The compiled model was closed and takes no more calls; call the model in its place",
        "name": "CompiledModelError",
      }
    `);
    expect(errorOf(() => model.share()).code).toBe('ERR_COMPILED_CLOSED');
    expect(errorOf(() => model.save('x')).code).toBe('ERR_COMPILED_CLOSED');
    await closed;
    expect((await rejection(model.run(x))).code).toBe('ERR_COMPILED_CLOSED');
    await disposeAll([call]);
    x.dispose();
  });

  it('twice, or after dispose, is fine', async () => {
    const model = await compilePlan(smallNetwork);
    expect(model.close()).toBe(model.close());
    await model.close();
    model.dispose();
    const other = await compilePlan(smallNetwork);
    other.dispose();
    await other.close();
    const x = randn([1, 3, 32, 32]);
    expect((await rejection(other.run(x))).code).toBe('ERR_COMPILED_DISPOSED');
    x.dispose();
  });

  it('ends also when calls fail, are aborted, or dispose cuts them short', async () => {
    const model = await compilePlan(() => slowNetwork(40));
    const x = slowInput();
    const controller = new AbortController();
    const aborted = model.run(x, { signal: controller.signal });
    const cut = model.run(x);
    const closed = model.close();
    controller.abort();
    expect((await rejection(aborted)).name).toBe('AbortError');
    model.dispose();
    expect((await rejection(cut)).code).toBe('ERR_COMPILED_DISPOSED');
    await closed;
    x.dispose();
  });

  it('is what await using calls', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const x = slowInput();
    const call = model.run(x);
    await model[Symbol.asyncDispose]();
    expect(model.disposed).toBe(true);
    await disposeAll([call]);
    x.dispose();
  });

  it('leaves the model of another thread at work, and waits for its own calls alone', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const text = `
      import { parentPort, workerData } from 'node:worker_threads';
      import { CompiledModel, randn } from '${pathToFileURL(dist).href}/index.js';
      const model = CompiledModel.fromShared(workerData);
      parentPort.postMessage('ready');
      parentPort.once('message', async () => {
        const x = randn([1, 64, 56, 56]);
        const calls = Array.from({ length: 5 }, () => model.run(x));
        await model.close();
        parentPort.postMessage((await Promise.all(calls)).length);
      });`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`), {
      workerData: model.share(),
    });
    const message = () =>
      new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await message();
    const token = model.share();
    const answered = message();
    await model.close();
    CompiledModel.fromShared(token).dispose(); // the worker's model keeps the engine
    worker.postMessage('go');
    expect(await answered).toBe(5);
    await worker.terminate();
  });
});

describe('a reload', () => {
  it('loses no call of 64 callers in 20 swaps', async () => {
    const path = join(tmp(), 'model.ibn');
    const first = await compilePlan(smallNetwork);
    first.save(path);
    first.dispose();
    const load = () => loadCompiled(path, { threads: 1, maxBatch: 16 });
    let current = await load();
    const x = randn([1, 3, 32, 32]);
    const expected = await current.run(x);
    let [running, answered] = [true, 0];
    const callers = Array.from({ length: 64 }, async () => {
      while (running) {
        const y = await current.run(x);
        const error = y.sub(expected).abs().max();
        if (error.item() > 1e-5) throw new Error('Expected the same answer from every model');
        for (const tensor of [y, error]) tensor.dispose();
        answered++;
      }
    });
    for (let swap = 0; swap < 20; swap++) {
      const next = await load();
      const old = current;
      current = next;
      await old.close();
    }
    running = false;
    await Promise.all(callers);
    expect(answered).toBeGreaterThan(64);
    await current.close();
    for (const tensor of [x, expected]) tensor.dispose();
  });
});

describe('drain', () => {
  it('waits for the calls made before it, and the model takes more', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const x = slowInput();
    const calls = Array.from({ length: 4 }, () => model.run(x));
    let ended = 0;
    for (const call of calls) call.then(() => ended++);
    const drained = model.drain();
    const later = model.run(x);
    await drained;
    expect(ended).toBe(4);
    await disposeAll([...calls, later]);
    await model.drain();
    model.dispose();
    x.dispose();
  });

  it('does not reject where calls do', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    const x = slowInput();
    const call = model.run(x);
    const drained = model.drain();
    model.dispose();
    await drained;
    expect((await rejection(call)).code).toBe('ERR_COMPILED_DISPOSED');
    x.dispose();
  });
});

describe('a process', () => {
  it('ends after close without waiting for more', async () => {
    const { code, stdout, stderr } = await runChild(
      `const { compile, nn, randn } = await import(dist + '/index.js');
       const model = new nn.Sequential(new nn.Conv2d(3, 64, 3), new nn.Conv2d(64, 64, 3)).eval();
       const fast = await compile(model, { inputs: [[1, 3, 64, 64]] });
       const x = randn([1, 3, 64, 64]);
       for (let i = 0; i < 20; i++) fast.run(x).then(() => console.log('done'));
       fast.close();`,
      { layer: false },
    );
    expect({ code, stderr, lines: stdout.split('done').length - 1 }).toEqual({
      code: 0,
      stderr: '',
      lines: 20,
    });
  });
});
