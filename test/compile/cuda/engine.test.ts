import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CudaEngine } from '../../../lib/compile/cuda/engine.ts';
import type { CudaSettings } from '../../../lib/compile/cuda/options.ts';
import { CompiledModel } from '../../../lib/compile/index.ts';
import { CudaOutOfMemoryError } from '../../../lib/errors.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { equal, noGrad, randn, scope, setNumThreads, type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { disposeModel, prepared, relativeError } from '../../helpers/plans.ts';
import { rejection } from '../plan-maker.ts';
import { CpuRuntime } from './cpu-runtime.ts';
import { cudaPlan } from './plans.ts';

beforeAll(() => setNumThreads(1));
afterAll(() => disposeModel(network));

class Net extends nn.Module {
  conv = new nn.Conv2d(3, 8, 3, { bias: false });
  norm = new models.IBN(8);
  fc = new nn.Linear(8, 4);
  forward(x: Tensor) {
    return this.fc.forward(this.norm.forward(this.conv.forward(x)).relu().mean([2, 3]));
  }
}

const SETTINGS: CudaSettings = { maxGraphs: 8, cudnnBenchmark: false, maxQueue: 1024 };
const network = prepared(new Net());
const image = (batch = 1) => randn([batch, 3, 8, 8]);

interface Made {
  model: CompiledModel;
  runtime: CpuRuntime;
}

let made: Made | undefined;

function start(settings: Partial<CudaSettings> = {}, batch: number | null = null): Made {
  const runtime = new CpuRuntime();
  const engine = new CudaEngine(cudaPlan(network, { size: 8 }), runtime, { ...SETTINGS, ...settings }, batch);
  made = { model: CompiledModel.fromEngine(engine), runtime };
  return made;
}

afterEach(async () => {
  made?.model.dispose();
  made = undefined;
  await new Promise((resolve) => setImmediate(resolve));
});

/** A promise that is kept by `open`. */
function gate(): { closed: Promise<void>; open(): void } {
  let open = () => {};
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a model on CUDA, its part played by the CPU', () => {
  it('gives what the network gives, for any batch size', async () => {
    const { model, runtime } = start();
    for (const batch of [1, 3, 1, 2, 3]) {
      const x = image(batch);
      const [got, want] = [await model.run(x), noGrad(() => network.forward(x))];
      expect(got.shape).toEqual([batch, 4]);
      expect(relativeError(got, want)).toBeLessThan(1e-5);
      for (const tensor of [x, got, want]) tensor.dispose();
    }
    expect(runtime.recorded).toBe(3);
    expect(model.stats()).toMatchObject({ batches: 5, images: 10, queued: 0, graphs: [1, 2, 3] });
  });

  it('copies the input before run returns', async () => {
    const { model } = start();
    const x = image();
    const before = await model.run(x);
    const changed = model.run(x);
    x.zero_();
    const disposed = model.run(x);
    x.dispose();
    const [a, b] = [await changed, await disposed];
    expect(equal(a, before)).toBe(true);
    expect(equal(b, before)).toBe(false);
    for (const tensor of [before, a, b]) tensor.dispose();
  });

  it('gives the outputs of concurrent calls memory of their own', async () => {
    const { model } = start();
    const inputs = Array.from({ length: 12 }, (_, i) => image(1 + (i % 3)));
    const alone: Tensor[] = [];
    for (const x of inputs) alone.push(await model.run(x));
    const together = await Promise.all(inputs.map((x) => model.run(x)));
    expect(together.map((y, i) => equal(y, alone[i] as Tensor))).toEqual(inputs.map(() => true));
    for (const tensor of [...inputs, ...alone, ...together]) tensor.dispose();
  });

  it('answers a batch of no images', async () => {
    const { model, runtime } = start();
    const x = zeros([0, 3, 8, 8]);
    const y = await model.run(x);
    expect([y.shape, runtime.recorded]).toEqual([[0, 4], 0]);
    for (const tensor of [x, y]) tensor.dispose();
  });

  it('outlives a scope that run is called in', async () => {
    const { model } = start();
    const x = image();
    const calls = scope(() => [model.run(x), model.run(x)]);
    const [a, b] = (await Promise.all(calls)) as [Tensor, Tensor];
    const c = await model.run(x);
    expect([equal(a, c), equal(b, c)]).toEqual([true, true]);
    for (const tensor of [x, a, b, c]) tensor.dispose();
  });
});

describe('graphs', () => {
  it('are kept for the sizes used last, and freed when they go', async () => {
    const { model, runtime } = start({ maxGraphs: 2 });
    const inputs = new Map([1, 2, 3].map((batch) => [batch, image(batch)]));
    for (const batch of [1, 2, 1, 3, 1]) (await model.run(inputs.get(batch) as Tensor)).dispose();
    await turn();
    expect([runtime.recorded, runtime.alive]).toEqual([3, 2]);
    expect(model.stats().graphs).toEqual([3, 1]);
    (await model.run(inputs.get(2) as Tensor)).dispose();
    expect(runtime.recorded).toBe(4);
    model.dispose();
    await turn();
    expect(runtime.alive).toBe(0);
    for (const x of inputs.values()) x.dispose();
  });

  it('are recorded anew when a setting changes that they hold', async () => {
    const { model, runtime } = start();
    const x = image();
    (await model.run(x)).dispose();
    runtime.libtorch = 'TF32';
    (await model.run(x)).dispose();
    runtime.libtorch = 'default';
    (await model.run(x)).dispose();
    expect(runtime.recorded).toBe(2);
    x.dispose();
  });

  it('make room for another when memory runs out', async () => {
    const { model, runtime } = start();
    const [one, two] = [image(1), image(2)];
    (await model.run(one)).dispose();
    runtime.failures = [new CudaOutOfMemoryError('CUDA out of memory')];
    (await model.run(two)).dispose();
    expect([runtime.alive, model.stats().graphs]).toEqual([1, [2]]);
    for (const x of [one, two]) x.dispose();
  });

  it('that cannot be recorded fail their call only', async () => {
    const { model, runtime } = start();
    const x = image();
    const failure = new CudaOutOfMemoryError('CUDA out of memory');
    runtime.failures = [failure];
    const [first, second] = [model.run(x), model.run(x)];
    expect(await rejection(first)).toBe(failure);
    (await second).dispose();
    expect(model.stats()).toMatchObject({ batches: 1, queued: 0 });
    x.dispose();
  });
});

describe('streams', () => {
  it('wait for each other where they hand over, and nowhere else', async () => {
    const { model, runtime } = start();
    // The weights are the caller's stream's work.
    expect(runtime.log).toEqual(['caller: mark', 'compute: wait for caller']);
    const x = image();
    (await model.run(x)).dispose();
    runtime.log.length = 0;
    (await model.run(x)).dispose();
    expect(runtime.log.filter((line) => line !== 'compute: work')).toEqual([
      'pin',
      'uploads: work',
      'uploads: mark',
      'compute: wait for uploads',
      'keep for compute',
      'compute: replay',
      'compute: mark',
      'downloads: wait for compute',
      'downloads: work',
      'downloads: download',
    ]);
    x.dispose();
  });

  it('get the next inputs while results are on their way', async () => {
    const { model, runtime } = start();
    const x = image();
    (await model.run(x)).dispose();
    runtime.log.length = 0;
    const { closed, open } = gate();
    runtime.arrival = closed;
    const calls = Array.from({ length: 5 }, () => model.run(x));
    await turn();
    const count = (line: string) => runtime.log.filter((found) => found === line).length;
    expect([count('uploads: work'), count('compute: replay'), model.stats().queued]).toEqual([3, 3, 2]);
    open();
    for (const call of calls) (await call).dispose();
    expect(count('compute: replay')).toBe(5);
    x.dispose();
  });

  it('give results on the device to the stream of the caller', async () => {
    const { model, runtime } = start();
    const x = image();
    const want = await model.run(x);
    runtime.onDevice.add(x);
    runtime.log.length = 0;
    const got = await model.run(x);
    expect(equal(got, want)).toBe(true);
    expect(runtime.log.filter((line) => line !== 'compute: work')).toEqual([
      'caller: work',
      'caller: mark',
      'compute: wait for caller',
      'keep for compute',
      'compute: replay',
      'compute: mark',
      'caller: wait for compute',
      'keep for caller',
    ]);
    for (const tensor of [x, want, got]) tensor.dispose();
  });
});

describe('the queue', () => {
  it('is bounded, with a clear error', async () => {
    const { model, runtime } = start({ maxQueue: 2 });
    const { closed, open } = gate();
    runtime.arrival = closed;
    const x = image();
    const calls = Array.from({ length: 5 }, () => model.run(x));
    const { code, message } = await rejection(model.run(x));
    expect({ code, message }).toMatchInlineSnapshot(`
      {
        "code": "ERR_COMPILED_QUEUE_FULL",
        "message": "Expected room in the queue for run, got 2 jobs waiting; await earlier runs, or raise maxQueue",
      }
    `);
    open();
    for (const call of calls) (await call).dispose();
    x.dispose();
  });

  it('rejects at once what a signal aborts, whether it waits or the device has it', async () => {
    const { model, runtime } = start();
    const { closed, open } = gate();
    runtime.arrival = closed;
    const x = image();
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => model.run(x, { signal }));
    controllers[0]?.abort();
    controllers[3]?.abort(new Error('too late'));
    expect((await rejection(calls[0] as Promise<unknown>)).name).toBe('AbortError');
    expect((await rejection(calls[3] as Promise<unknown>)).message).toBe('too late');
    expect(model.stats().queued).toBe(1);
    open();
    for (const call of [1, 2, 4]) (await (calls[call] as Promise<Tensor>)).dispose();
    expect((await rejection(model.run(x, { signal: AbortSignal.abort() }))).name).toBe('AbortError');
    expect(model.stats().batches).toBe(4);
    await turn();
    x.dispose();
  });

  it('rejects all when the model is disposed, and frees it when the device is done', async () => {
    const { model, runtime } = start();
    const { closed, open } = gate();
    runtime.arrival = closed;
    const x = image();
    const calls = Array.from({ length: 5 }, () => model.run(x));
    model.dispose();
    model.dispose();
    for (const call of calls) expect((await rejection(call)).code).toBe('ERR_COMPILED_DISPOSED');
    expect((await rejection(model.run(x))).code).toBe('ERR_COMPILED_DISPOSED');
    expect(() => model.stats()).toThrow('disposed');
    expect([runtime.alive, runtime.models]).toEqual([1, 1]);
    open();
    await turn();
    expect([runtime.alive, runtime.models]).toEqual([0, 0]);
    x.dispose();
  });
});

describe('close on CUDA', () => {
  it('answers the calls that wait and those on the device, then frees it', async () => {
    const { model, runtime } = start();
    const { closed, open } = gate();
    runtime.arrival = closed;
    const x = image();
    const calls = Array.from({ length: 6 }, () => model.run(x));
    const end = model.close();
    expect((await rejection(model.run(x))).code).toBe('ERR_COMPILED_CLOSED');
    expect(model.stats().queued).toBe(3);
    open();
    await end;
    for (const call of calls) (await call).dispose();
    await turn();
    expect([model.disposed, runtime.alive, runtime.models]).toEqual([true, 0, 0]);
    x.dispose();
  });
});

describe('what a model on CUDA says', () => {
  it('refuses what it does not take', async () => {
    const { model } = start({}, 2);
    const given: Tensor[] = [
      image(1),
      zeros([2, 3, 8, 8], { dtype: 'float64' }),
      zeros([2, 3, 8, 8], { device: 'meta' }),
    ];
    const messages: string[] = [];
    for (const x of given) messages.push((await rejection(model.run(x))).message);
    expect(messages).toMatchInlineSnapshot(`
      [
        "Expected shape [2, 3, 8, 8] for run, got [1, 3, 8, 8]; compile the model for that size, or resize the images",
        "Expected a float32 Tensor for run, got float64; call x.to('float32') first",
        "Expected a Tensor on the CPU or cpu for run, got one on meta; call x.to('cpu') first",
      ]
    `);
    expect(() => model.share()).toThrowErrorMatchingInlineSnapshot(
      `[CompiledModelError: Expected a model on the CPU for share, got one on CUDA; compile or load one in each worker]`,
    );
    for (const x of given) x.dispose();
  });

  it('explains its calls', () => {
    const { model } = start();
    expect(model.explain()).toMatchInlineSnapshot(`
      "#  Call                      Module  Kernel  Output  Fused                                                Values          MACs
      ------------------------------------------------------------------------------------------------------------------------------
      0  aten::conv2d              conv    3x3     8x6x6                                                        input 0 -> v1  7,776
      1  ibn::instance_batch_norm  norm            8x6x6   channels 0:4 by instance, others by constants, relu  v1 -> v2
      2  aten::mean                -               8                                                            v2 -> v3
      3  aten::linear              fc              4                                                            v3 -> v4          32
      4  aten::_to_copy            fc              4                                                            v4 -> v5
      ------------------------------------------------------------------------------------------------------------------------------
      Calls: 5, maps in float32, channels_last
      Mult-adds: 7,808 an image
      Weights: 1,104 bytes
      Outputs: output (4)"
    `);
  });

  it('counts what is done by other ops than planned', async () => {
    const { model } = start();
    const x = image();
    (await model.run(x)).dispose();
    const { steps } = model.stats();
    expect(steps.map(({ op, algorithm }) => `${op}: ${algorithm}`)).toMatchInlineSnapshot(`
      [
        "aten::conv2d: aten::conv2d",
        "ibn::instance_batch_norm: composed (no kernel)",
        "aten::mean: aten::mean",
        "aten::linear: aten::linear",
        "aten::_to_copy: aten::_to_copy",
      ]
    `);
    x.dispose();
  });
});
