import { monitorEventLoopDelay } from 'node:perf_hooks';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import { compile } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { equal, manualSeed, ones, randn, setNumThreads, Tensor, zeros } from '../../../lib/tensor/index.ts';
import { collectGarbage } from '../../helpers/index.ts';
import { compilePlan, PlanMaker, rejection, slowNetwork, smallNetwork } from '../plan-maker.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

const small = () => randn([1, 3, 32, 32]);
const slow = () => randn([1, 64, 56, 56]);
const text = ({ name, message }: Error) => `${name}: ${message}`;

function disposeAll(values: unknown): void {
  const items: unknown[] = values instanceof Tensor ? [values] : Object.values(values as object);
  for (const item of items) if (item instanceof Tensor) item.dispose();
}

async function withModel<Output>(
  make: () => Promise<CompiledModel<Output>>,
  body: (model: CompiledModel<Output>) => Promise<void>,
): Promise<void> {
  const model = await make();
  try {
    await body(model);
  } finally {
    model.dispose();
  }
}

describe('run', () => {
  it('queues concurrent calls and answers each', () =>
    withModel(
      () => compilePlan(smallNetwork),
      async (model) => {
        const inputs = Array.from({ length: 20 }, (_, i) => randn([1 + (i % 3), 3, 32, 32]));
        const alone: Tensor[] = [];
        for (const x of inputs) alone.push(await model.run(x));
        const together = (await Promise.all(inputs.map((x) => model.run(x)))) as Tensor[];
        expect(together.map((y, i) => equal(y, alone[i] as Tensor))).toEqual(inputs.map(() => true));
        expect(together[0]?.requiresGrad).toBe(false);
        disposeAll([...inputs, ...alone, ...together]);
      },
    ));

  it('copies the input: it may be changed or disposed at once', () =>
    withModel(
      () => compilePlan(smallNetwork),
      async (model) => {
        const x = small();
        const before = await model.run(x);
        const changed = model.run(x);
        x.zero_();
        const disposed = model.run(x);
        x.dispose();
        const zero = zeros([1, 3, 32, 32]);
        const results = (await Promise.all([changed, disposed, model.run(zero)])) as [Tensor, Tensor, Tensor];
        expect(equal(results[0], before)).toBe(true);
        expect(equal(results[1], results[2])).toBe(true);
        disposeAll([before, zero, ...results]);
      },
    ));

  it('takes inputs with any strides, and parts of a graph', () =>
    withModel(
      () => compilePlan(smallNetwork),
      async (model) => {
        const x = randn([2, 3, 32, 32]);
        const last = x.to({ memoryFormat: 'channels_last' });
        const leaf = x.clone().requiresGrad_();
        const results = (await Promise.all([x, last, leaf].map((given) => model.run(given)))) as Tensor[];
        expect(equal(results[0] as Tensor, results[1] as Tensor)).toBe(true);
        expect(equal(results[0] as Tensor, results[2] as Tensor)).toBe(true);
        const expanded = ones([1, 1, 1, 1]).expand([1, 3, 32, 32]);
        const dense = ones([1, 3, 32, 32]);
        const [a, b] = (await Promise.all([model.run(expanded), model.run(dense)])) as [Tensor, Tensor];
        expect(equal(a, b)).toBe(true);
        disposeAll([x, last, leaf, expanded, dense, a, b, ...results]);
      },
    ));

  it('refuses inputs that are not what was compiled', () =>
    withModel(
      () => compilePlan(smallNetwork),
      async (model) => {
        const given: unknown[] = [
          randn([3, 32, 32]),
          randn([1, 3, 32, 31]),
          zeros([1, 3, 32, 32], { dtype: 'float64' }),
          zeros([1, 3, 32, 32], { device: 'meta' }),
          [small(), small()],
          'image',
          null,
        ];
        const messages: string[] = [];
        for (const x of given) messages.push(text(await rejection(model.run(x as Tensor))));
        expect(messages).toMatchInlineSnapshot(`
          [
            "RangeError: Expected shape [N, 3, 32, 32] for run, got [3, 32, 32]; a network takes batches: give one image as x.unsqueeze(0), (1, C, H, W)",
            "RangeError: Expected shape [N, 3, 32, 32] for run, got [1, 3, 32, 31]; compile the model for that size, or resize the images",
            "TypeError: Expected a float32 Tensor for run, got float64; call x.to('float32') first",
            "RangeError: Expected a Tensor on the CPU for run, got one on meta; call x.cpu() first",
            "RangeError: Expected 1 input for run, got 2 inputs",
            "TypeError: Expected a Tensor for run, got string",
            "TypeError: Expected a Tensor for run, got null",
          ]
        `);
        const gone = small();
        gone.dispose();
        expect((await rejection(model.run(gone))).message).toContain('Tensor was disposed');
        disposeAll(given.flat());
      },
    ));

  it('serves several inputs and outputs', () =>
    withModel(
      () =>
        compilePlan<Tensor[]>(() => {
          const maker = new PlanMaker('float32', [2, 3, 4], [5, 6, 7]);
          const [a, b] = [maker.read(0), maker.read(1)];
          const mean = maker.vector(5);
          maker.step({ op: 'globalMean', input: b, output: mean });
          return maker.outputs(a, b, mean);
        }),
      async (model) => {
        const inputs = [randn([4, 2, 3, 4]), randn([4, 5, 6, 7])] as [Tensor, Tensor];
        const outputs = await model.run(inputs);
        expect(outputs.map((y) => y.shape)).toEqual([
          [4, 2, 3, 4],
          [4, 5, 6, 7],
          [4, 5],
        ]);
        expect(equal(outputs[0] as Tensor, inputs[0])).toBe(true);
        const other = randn([3, 5, 6, 7]);
        expect(text(await rejection(model.run([inputs[0], other])))).toMatchInlineSnapshot(
          `"RangeError: Expected one batch size for the inputs of run, got 4 and 3"`,
        );
        disposeAll([...inputs, ...outputs, other]);
      },
    ));
});

describe('the queue', () => {
  it('is bounded, with a clear error', () =>
    withModel(
      () => compilePlan(slowNetwork, { maxQueue: 2 }),
      async (model) => {
        const x = slow();
        const calls = Array.from({ length: 6 }, () => model.run(x));
        const results = await Promise.allSettled(calls);
        const refused = results.filter((result) => result.status === 'rejected');
        expect(refused.length).toBeGreaterThanOrEqual(3);
        const [{ code, message }] = refused.map(({ reason }) => reason) as [
          { code: string; message: string },
        ];
        expect({ code, message }).toMatchInlineSnapshot(`
          {
            "code": "ERR_COMPILED_QUEUE_FULL",
            "message": "Expected room in the queue for run, got 2 jobs waiting; await earlier runs, or raise maxQueue",
          }
        `);
        disposeAll([x, ...results.map((result) => (result.status === 'fulfilled' ? result.value : null))]);
      },
    ));

  it('rejects at once what a signal aborts, whether it waits or is computed', () =>
    withModel(
      () => compilePlan(() => slowNetwork(60)),
      async (model) => {
        const x = randn([4, 64, 56, 56]);
        const controllers = [0, 1, 2].map(() => new AbortController());
        const calls = controllers.map(({ signal }) => model.run(x, { signal }));
        await new Promise((resolve) => setTimeout(resolve, 5));
        controllers[0]?.abort();
        controllers[1]?.abort(new Error('too late'));
        expect((await rejection(calls[0] as Promise<unknown>)).name).toBe('AbortError');
        expect((await rejection(calls[1] as Promise<unknown>)).message).toBe('too late');
        const last = (await calls[2]) as Tensor;
        const aborted = AbortSignal.abort();
        expect((await rejection(model.run(x, { signal: aborted }))).name).toBe('AbortError');
        expect(model.stats().queued).toBe(0);
        controllers[2]?.abort();
        disposeAll([x, last]);
      },
    ));

  it('rejects what waits when the model is disposed', async () => {
    const model = await compilePlan(() => slowNetwork(60));
    const x = slow();
    const calls = [0, 1, 2].map(() => model.run(x));
    model.dispose();
    model.dispose();
    for (const call of calls)
      expect((await rejection(call)).message).toBe((await rejection(model.run(x))).message);
    const { code, message } = await rejection(model.run(x));
    expect({ code, message }).toMatchInlineSnapshot(`
      {
        "code": "ERR_COMPILED_DISPOSED",
        "message": "The compiled model was disposed; compile or load it again",
      }
    `);
    expect(() => model.stats()).toThrow('disposed');
    expect(() => model.share()).toThrow('disposed');
    expect(model.disposed).toBe(true);
    expect(model.explain()).toContain('conv');
    x.dispose();
  });

  it(
    'joins calls that arrive together, and splits the results',
    () =>
      withModel(
        () => compilePlan(smallNetwork, { maxBatch: 8, maxDelayMs: 200, threads: 2, microBatch: 3 }),
        async (model) => {
          const sizes = [1, 1, 2, 1, 1, 1, 3, 1, 1, 4, 9, 1];
          const inputs = sizes.map((n) => randn([n, 3, 32, 32]));
          const before = model.stats().batches;
          const together = (await Promise.all(inputs.map((x) => model.run(x)))) as Tensor[];
          // 1 + 1 + 2 + 1 + 1 + 1, 3 + 1 + 1, 4, 9, 1
          expect(model.stats().batches - before).toBe(5);
          for (const [i, x] of inputs.entries()) {
            const alone = await model.run(x);
            const error = alone
              .sub(together[i] as Tensor)
              .abs()
              .max();
            expect(error.item()).toBeLessThan(1e-5);
            disposeAll([alone, error]);
          }
          disposeAll([...inputs, ...together]);
        },
      ),
    30_000,
  );

  it('joins only what waits already without a delay', () =>
    withModel(
      () => compilePlan(slowNetwork, { maxBatch: 4 }),
      async (model) => {
        const x = slow();
        const before = model.stats().batches;
        const results = await Promise.all(Array.from({ length: 9 }, () => model.run(x)));
        expect(model.stats().batches - before).toBeLessThanOrEqual(4);
        disposeAll([x, ...results]);
      },
    ));

  it('drops one of several joined calls when it is aborted', () =>
    withModel(
      () => compilePlan(smallNetwork, { maxBatch: 8, maxDelayMs: 50 }),
      async (model) => {
        const controller = new AbortController();
        const x = small();
        const calls = [model.run(x), model.run(x, { signal: controller.signal }), model.run(x)];
        controller.abort();
        const results = await Promise.allSettled(calls);
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
        disposeAll([x, ...results.map((result) => (result.status === 'fulfilled' ? result.value : null))]);
      },
    ));
});

describe('the event loop', () => {
  it('stays free while a model is busy', () =>
    withModel(
      () => compilePlan(() => slowNetwork(30), { threads: 1 }),
      async (model) => {
        const x = randn([8, 64, 56, 56]);
        const delay = monitorEventLoopDelay({ resolution: 1 });
        let ticks = 0;
        const timer = setInterval(() => ticks++, 1);
        delay.enable();
        const calls = [model.run(x), model.run(x)];
        await new Promise((resolve) => setImmediate(resolve));
        const during = ticks;
        const results = await Promise.all(calls);
        clearInterval(timer);
        expect(ticks).toBeGreaterThan(during + 3);
        disposeAll([x, ...results]);
      },
    ));

  it('a forgotten model is collected, one with calls under way is not', async () => {
    const x = slow();
    const [forgotten, call] = await (async () => {
      const model = await compilePlan(() => slowNetwork(30));
      return [new WeakRef(model), model.run(x)] as const;
    })();
    await collectGarbage();
    disposeAll([await call, x]);
    await collectGarbage();
    await collectGarbage();
    expect(forgotten.deref()).toBeUndefined();
  });
});

class Net extends nn.Module {
  conv = new nn.Conv2d(3, 8, 3);
  fc = new nn.Linear(8, 4);
  forward(x: Tensor) {
    return this.fc.forward(this.conv.forward(x).relu().mean([2, 3]));
  }
}

describe('compile', () => {
  const disposeModel = (model: nn.Module) => disposeAll([...model.parameters(), ...model.buffers()]);

  it('gives what the model gives, and leaves it alone', async () => {
    const model = new Net().eval();
    const fast = await compile(model, { inputs: [[1, 3, 16, 16]], threads: 2 });
    const x = randn([5, 3, 16, 16]);
    const want = model.forward(x).detach();
    const got = await fast.run(x);
    const error = got.sub(want).abs().max();
    expect(error.item()).toBeLessThan(1e-5);
    expect(fast.explain()).toContain('conv');
    fast.dispose();
    const again = model.forward(x).detach();
    expect(equal(again, want)).toBe(true);
    disposeAll([x, want, got, error, again]);
    disposeModel(model);
  });

  it('refuses other batch sizes without dynamicBatch', async () => {
    const model = new Net().eval();
    const fast = await compile(model, { inputs: [[2, 3, 16, 16]], dynamicBatch: false, threads: 1 });
    const [two, three] = [randn([2, 3, 16, 16]), randn([3, 3, 16, 16])];
    disposeAll(await fast.run(two));
    expect(text(await rejection(fast.run(three)))).toMatchInlineSnapshot(
      `"RangeError: Expected shape [2, 3, 16, 16] for run, got [3, 3, 16, 16]; compile the model for that size, or resize the images"`,
    );
    fast.dispose();
    disposeAll([two, three]);
    disposeModel(model);
  });

  it('says what options it cannot take', async () => {
    const model = new Net().eval();
    const inputs = [[1, 3, 16, 16]];
    const options: Record<string, unknown>[] = [
      { device: 'tpu' },
      { dtype: 'float16' },
      { dtype: 'float64' },
      { threads: 0 },
      { threads: '2' },
      { microBatch: 1.5 },
      { maxDelayMs: -1 },
      { maxQueue: 0 },
      { treads: 2 },
      { inputs: [[3, 16, 16]] },
    ];
    const messages: string[] = [];
    for (const option of options) {
      messages.push(text(await rejection(compile(model, { inputs, ...option } as never))));
    }
    messages.push(text(await rejection(compile('model' as never, { inputs }))));
    messages.push(text(await rejection(compile(model.train(), { inputs }))));
    expect(messages).toMatchInlineSnapshot(`
      [
        "CompileError: Expected "cpu", "cuda" or "cuda:0" for compile device, got "tpu"; run the model itself on other devices",
        "CompileError: Expected "float32" or "bfloat16" for compile dtype, got "float16"; there are no kernels for it on the CPU: bfloat16 takes as little memory",
        "RangeError: Expected "float32" or "bfloat16" for compile dtype, got "float64"",
        "RangeError: Expected an integer from 1 to 1024 for compile threads, got 0",
        "TypeError: Expected a number for compile threads, got string",
        "RangeError: Expected an integer from 1 to 4096 for compile microBatch, got 1.5",
        "RangeError: Expected 0 to 60000 for compile maxDelayMs, got -1",
        "RangeError: Expected an integer from 1 to 1048576 for compile maxQueue, got 0",
        "RangeError: Expected a known option for compile, got "treads"; did you mean threads?",
        "RangeError: Expected shapes [N, C, H, W] for compile inputs, such as [[1, 3, 224, 224]], got [[3,16,16]]",
        "TypeError: Expected a Module for compile, got string",
        "CompileError: Expected a network in evaluation mode for compile, got the network in training mode; call model.eval() first",
      ]
    `);
    disposeModel(model);
  });
});
