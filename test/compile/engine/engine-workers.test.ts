import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/index.ts';
import { engine } from '../../../lib/compile/native.ts';
import { manualSeed, randn, setNumThreads } from '../../../lib/tensor/index.ts';
import { dist, errorOf, runChild } from '../../helpers/index.ts';
import { compilePlan, rejection, slowNetwork, smallNetwork } from '../plan-maker.ts';

const library = JSON.stringify(`${pathToFileURL(dist).href}/index.js`);

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

function startWorker(source: string, workerData: unknown): Worker {
  const text = `
    import { parentPort, workerData } from 'node:worker_threads';
    import * as ibn from ${library};
    ${source}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`), { workerData });
}

function messageOf<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

describe('worker_threads share one compiled model', () => {
  it('three of them use it at once, and it outlives the first', async () => {
    const model = await compilePlan(smallNetwork);
    const values = Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i));
    const workers = [0, 1, 2].map(() =>
      startWorker(
        `const model = ibn.CompiledModel.fromShared(workerData.shared);
        parentPort.postMessage('ready');
        parentPort.once('message', async () => {
          const x = ibn.tensor(workerData.values).reshape([1, 3, 32, 32]);
          const results = await Promise.all(Array.from({ length: 10 }, () => model.run(x)));
          const rows = new Set(results.map((y) => JSON.stringify(y.toArray())));
          const text = model.explain();
          model.dispose();
          parentPort.postMessage({ rows: [...rows], text });
        });`,
        { shared: model.share(), values },
      ),
    );
    await Promise.all(workers.map((worker) => messageOf(worker)));
    const x = randn([1, 3, 32, 32]);
    const own = await model.run(x);
    const text = model.explain();
    const token = model.share();
    model.dispose();
    const answers = Promise.all(workers.map((worker) => messageOf<{ rows: string[]; text: string }>(worker)));
    for (const worker of workers) worker.postMessage('go');
    const results = await answers;
    expect(new Set(results.flatMap(({ rows }) => rows)).size).toBe(1);
    expect(results.map((result) => result.text)).toEqual([text, text, text]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    const { code, message } = errorOf(() => CompiledModel.fromShared(token));
    expect({ code, message }).toMatchInlineSnapshot(`
      {
        "code": "ERR_COMPILED_DISPOSED",
        "message": "The shared model was disposed in every thread that had it",
      }
    `);
    expect(errorOf(() => CompiledModel.fromShared({} as never)).message).toMatchInlineSnapshot(
      `"Expected what CompiledModel.share() gave for fromShared, got something else"`,
    );
    x.dispose();
    own.dispose();
  });

  it('a shared model cannot be saved, and disposing it leaves the others', async () => {
    const model = await compilePlan(smallNetwork);
    const other = CompiledModel.fromShared(model.share());
    expect(errorOf(() => other.save('x')).code).toBe('ERR_COMPILED_NO_WEIGHTS');
    const x = randn([1, 3, 32, 32]);
    const call = other.run(x);
    other.dispose();
    expect((await rejection(call)).message).toContain('disposed');
    (await model.run(x)).dispose();
    x.dispose();
    model.dispose();
  });

  it('may be terminated with calls under way', async () => {
    const model = await compilePlan(() => slowNetwork(20));
    for (let round = 0; round < 4; round++) {
      const worker = startWorker(
        `const model = ibn.CompiledModel.fromShared(workerData);
        const x = ibn.randn([2, 64, 56, 56]);
        for (let i = 0; i < 20; i++) model.run(x).catch(() => {});
        parentPort.postMessage('ready');`,
        model.share(),
      );
      await messageOf(worker);
      await new Promise((resolve) => setTimeout(resolve, 10 * round));
      await worker.terminate();
    }
    const x = randn([1, 64, 56, 56]);
    (await model.run(x)).dispose();
    expect(model.stats().queued).toBe(0);
    x.dispose();
    model.dispose();
  });
});

const setUp = `
  const { compile, nn, randn } = await import(dist + '/index.js');
  class Net extends nn.Module {
    a = new nn.Conv2d(3, 64, 3, { padding: 1 });
    b = new nn.Conv2d(64, 64, 3, { padding: 1 });
    forward(x) { let y = this.a.forward(x); for (let i = 0; i < 10; i++) y = this.b.forward(y).relu(); return y.mean([2, 3]); }
  }
  globalThis.fast = await compile(new Net().eval(), { inputs: [[1, 3, 64, 64]], threads: 2 });
  const x = randn([4, 3, 64, 64]);
  const start = (n) => Array.from({ length: n }, () => fast.run(x).then(() => console.log('done'), (e) => console.log(e.code)));`;

interface Case {
  source: string;
  code: number;
  stdout: string;
}

const exits: Record<string, Case> = {
  'after its calls are answered': { source: 'start(3);', code: 0, stdout: 'done\ndone\ndone\n' },
  'with an idle model': { source: 'await Promise.all(start(1));', code: 0, stdout: 'done\n' },
  'by process.exit with calls under way': {
    source: 'start(50); setTimeout(() => process.exit(7), 20);',
    code: 7,
    stdout: '',
  },
  'by process.exit at once': { source: 'start(50); process.exit(7);', code: 7, stdout: '' },
  'by an uncaught exception with calls under way': {
    source: 'start(50); throw new Error("thrown");',
    code: 1,
    stdout: '',
  },
  'after dispose with calls under way': {
    source: 'start(2); fast.dispose();',
    code: 0,
    stdout: 'ERR_COMPILED_DISPOSED\nERR_COMPILED_DISPOSED\n',
  },
  'with calls of a worker under way': {
    source: `const { Worker } = await import('node:worker_threads');
      const source = 'const ibn = await import("' + dist + '/index.js"); const { workerData } = await import("node:worker_threads");' +
        'const m = ibn.CompiledModel.fromShared(workerData); const x = ibn.randn([4, 3, 64, 64]); for (let i = 0; i < 50; i++) m.run(x);';
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)), { workerData: fast.share() });
      setTimeout(() => process.exit(7), 700);`,
    code: 7,
    stdout: '',
  },
};

describe('the process exits cleanly', () => {
  it.each(Object.keys(exits))('%s', async (name) => {
    const { source, code, stdout } = exits[name] as Case;
    const result = await runChild(`${setUp}\n${source}`, { timeout: 40_000, layer: false });
    expect({ code: result.code, signal: result.signal }).toEqual({ code, signal: null });
    if (code === 0) expect(result.stderr).toBe('');
    if (stdout !== '') expect(result.stdout).toBe(stdout);
  });
});

describe('the instruction set', () => {
  const source = `
    const { compile, nn } = await import(dist + '/index.js');
    const model = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.AdaptiveAvgPool2d(1), new nn.Flatten()).eval();
    try {
      const fast = await compile(model, { inputs: [[1, 3, 8, 8]] });
      console.log(fast.stats().instructionSet);
    } catch (error) {
      console.log(error.message);
    }`;

  it.each(['baseline', engine.instructionSets()[0] as string])(
    'may be chosen by the environment: %s',
    async (set) => {
      const { stdout } = await runChild(source, { env: { IBN_NET_CPU_CAPABILITY: set }, layer: false });
      expect(stdout).toBe(`${set}\n`);
    },
  );

  it('must be one that the processor has', async () => {
    const { stdout } = await runChild(source, { env: { IBN_NET_CPU_CAPABILITY: 'mmx' }, layer: false });
    expect(stdout).toContain('for IBN_NET_CPU_CAPABILITY, got "mmx"');
  });
});
