import { describe, expect, it } from 'vitest';
import { compile } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { fromBuffer, noGrad, randn } from '../../../lib/tensor/index.ts';
import { errorOf, runChild } from '../../helpers/index.ts';

/** A network whose weights are memory of this thread's array buffers: 9 MB in each of six convolutions. */
const borrowed = `
  const { compile, nn, fromBuffer } = await import(dist + '/index.js');
  const layer = () => {
    const conv = nn.utils.skipInit(() => new nn.Conv2d(512, 512, 3, { padding: 1, bias: false }));
    const weight = fromBuffer(new Float32Array(512 * 512 * 9).fill(0.01), { shape: [512, 512, 3, 3] });
    conv.weight = new nn.Parameter(weight);
    return conv;
  };
  const model = new nn.Sequential(...Array.from({ length: 6 }, layer)).eval();
  const start = () => compile(model, { inputs: [[1, 512, 8, 8]], threads: 2 });`;

const inWorker = `
  import { parentPort, workerData as dist } from 'node:worker_threads';
  ${borrowed}
  start();
  parentPort.postMessage('packing');`;

describe('memory of an environment that ends while its weights are packed', () => {
  it('is read no longer: workers are terminated at any moment', async () => {
    const source = `
      import { Worker } from 'node:worker_threads';
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(inWorker)}));
      for (let round = 0; round < 24; round++) {
        const worker = new Worker(url, { workerData: dist });
        await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        await new Promise((resolve) => setTimeout(resolve, (round * 3) % 40));
        await worker.terminate();
        // What was freed is used again.
        Array.from({ length: 4 }, () => new Float32Array(512 * 512 * 9).fill(round));
      }
      console.log('survived');`;
    const { code, signal, stdout } = await runChild(source, { layer: false, timeout: 110_000 });
    expect({ code, signal, stdout }).toEqual({ code: 0, signal: null, stdout: 'survived\n' });
  });

  it.each([0, 5, 20, 40])(
    'is read no longer: the process exits %i ms after compile is called',
    async (ms) => {
      const end = `start(); setTimeout(() => process.exit(7), ${ms});`;
      const { code, signal } = await runChild(`${borrowed}\n${end}`, { layer: false });
      expect({ code, signal }).toEqual({ code: 7, signal: null });
    },
  );
});

describe('weights while they are packed', () => {
  const network = () => new nn.Sequential(new nn.Conv2d(64, 64, 3), new nn.Conv2d(64, 8, 1)).eval();

  it('cannot be resized, and can be before and after', async () => {
    const model = network();
    const { weight } = model.get(0) as nn.Conv2d;
    const grow = () => noGrad(() => weight.detach().resize_([128, 64, 3, 3]));
    const [first, second] = [1, 2].map(() => compile(model, { inputs: [[1, 64, 8, 8]] }));
    expect(errorOf(grow).message).toContain('not resizable');
    (await first)?.dispose();
    (await second)?.dispose();
    grow();
  });

  it('can be resized after a compile that failed', async () => {
    const model = network();
    const options = { inputs: [[1, 64, 8, 8]], threads: 0 };
    await expect(compile(model, options)).rejects.toThrow('threads');
    const { weight } = model.get(0) as nn.Conv2d;
    noGrad(() => weight.detach().resize_([128, 64, 3, 3]));
  });

  it('that array buffers own give what others give', async () => {
    const model = network();
    const conv = model.get(0) as nn.Conv2d;
    const values = conv.weight.detach().clone().data() as Float32Array;
    const x = randn([3, 64, 8, 8]);
    const want = noGrad(() => model.forward(x));
    conv.weight = new nn.Parameter(fromBuffer(values, { shape: [64, 64, 3, 3] }));
    const fast = await compile(model, { inputs: [[1, 64, 8, 8]] });
    const got = await fast.run(x);
    expect(got.sub(want).abs().max().item()).toBeLessThan(1e-4);
    fast.dispose();
  });
});
