import { describe, expect, it } from 'vitest';
import { autocast, autograd, nn, utils } from '../../lib/index.ts';
import {
  manualSeed,
  memoryStats,
  noGrad,
  ones,
  rand,
  randn,
  resetPeakMemoryStats,
  scope,
  type Tensor,
  tensor,
} from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

const { checkpoint, checkpointSequential } = utils.checkpoint;
const off = { useReentrant: false } as const;

function network(): nn.Sequential {
  manualSeed(0);
  return new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(16, 4));
}

const gradients = (module: nn.Module) => module.parameters().map(({ grad }) => grad?.toArray());

describe('checkpoint', () => {
  it(
    'gives the same gradients, with the same draws of dropout',
    withScope(() => {
      const values = randn([5, 8]);
      const run = (forward: (net: nn.Sequential, x: Tensor) => Tensor) => {
        const x = values.clone().requiresGrad_();
        const net = network();
        manualSeed(7);
        const y = forward(net, x);
        const after = rand([2]).toArray();
        y.pow(2).sum().backward();
        return {
          y: y.toArray(),
          gradients: gradients(net),
          x: x.grad?.toArray(),
          after,
          next: rand([2]).toArray(),
        };
      };
      const plain = run((net, x) => net.forward(x));
      const again = run((net, x) => checkpoint((v: Tensor) => net.forward(v), x, off));
      expect(again).toEqual(plain);
      // Without the state of the generator dropout draws anew: the gradients do not fit the output.
      const other = run((net, x) =>
        checkpoint((v: Tensor) => net.forward(v), x, { ...off, preserveRngState: false }),
      );
      expect(other.y).toEqual(plain.y);
      expect(other.gradients).not.toEqual(plain.gradients);
    }),
  );

  it(
    'runs the function twice, the second time only as far as needed',
    withScope(() => {
      const steps: string[] = [];
      const fn = (v: Tensor): Tensor => {
        steps.push('begins');
        const y = v.exp().mul(2);
        steps.push('ends');
        return y.sum();
      };
      const x = tensor([1, 2], { requiresGrad: true });
      checkpoint(fn, x, off).backward();
      expect(steps).toEqual(['begins', 'ends', 'begins']);
      steps.length = 0;
      checkpoint(fn, x, { ...off, earlyStop: false }).backward();
      expect(steps).toEqual(['begins', 'ends', 'begins', 'ends']);
      steps.length = 0;
      noGrad(() => checkpoint(fn, x, off));
      expect(steps).toEqual(['begins', 'ends']);
    }),
  );

  it(
    'works again with a retained graph, for derivatives of derivatives, and nested',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const y = checkpoint((v: Tensor) => v.pow(3).exp().sum(), x, off);
      y.backward(null, { retainGraph: true });
      const once = x.grad?.toArray() as number[];
      y.backward();
      expect(x.grad?.toArray()).toEqual(once.map((value) => 2 * value));
      const cube = (v: Tensor): Tensor => checkpoint((w: Tensor) => w.mul(w).mul(w), v, off);
      const z = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
      expect(autograd.gradgradcheck(cube, z)).toBe(true);
      const nested = (v: Tensor): Tensor => checkpoint((w: Tensor) => cube(w.sin()).exp(), v, off);
      expect(autograd.gradcheck(nested, z)).toBe(true);
    }),
  );

  it(
    'takes several inputs, values that are no tensors, and gives several results',
    withScope(() => {
      const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4])];
      const [sum, text, product] = checkpoint(
        (p: Tensor, n: number, q: Tensor) => [p.mul(n).exp().sum(), 'text', p.mul(q)] as const,
        a,
        0,
        b,
        off,
      );
      sum.add(product.sum()).backward();
      expect([text, a.grad?.toArray()]).toEqual(['text', [3, 4]]);
    }),
  );

  it(
    'computes again under the autocast of the first time',
    withScope(() => {
      const w = ones([4, 4]).requiresGrad_();
      const dtypes: string[] = [];
      const y = autocast('cpu', { dtype: 'bfloat16' }, () =>
        checkpoint(
          (v: Tensor) => {
            const product = v.matmul(w);
            dtypes.push(product.dtype);
            return product.float().exp().sum();
          },
          ones([4, 4]),
          off,
        ),
      );
      y.backward();
      expect(dtypes).toEqual(['bfloat16', 'bfloat16']);
    }),
  );

  it('keeps less memory: what its ops save is not there between forward and backward', async () => {
    const n = 1 << 18;
    const block = (v: Tensor): Tensor => {
      let y = v;
      for (let i = 0; i < 8; i++) y = y.sin().exp().sigmoid();
      return y;
    };
    const measure = async (forward: (x: Tensor) => Tensor) => {
      await collectGarbage();
      const x = ones([n]).requiresGrad_();
      const before = memoryStats().cpuBytes;
      resetPeakMemoryStats();
      const y = scope(() => forward(x).sum());
      const held = memoryStats().cpuBytes - before;
      y.backward();
      const peak = memoryStats().peakCpuBytes - before;
      const gradient = x.grad?.toArray();
      for (const used of [x, y]) used.dispose();
      return { held, peak, gradient };
    };
    const four = (run: (v: Tensor) => Tensor) => (x: Tensor) => run(run(run(run(x))));
    const plain = await measure(four(block));
    const saving = await measure(four((v) => checkpoint(block, v, off)));
    expect(saving.gradient).toEqual(plain.gradient);
    // 4 blocks of 24 ops over 1 MiB save 16 tensors each, or their inputs.
    expect(plain.held).toBeGreaterThan(63 << 20);
    expect(saving.held).toBeLessThan(6 << 20);
    expect(saving.peak).toBeLessThan(plain.peak / 2);
  });

  it(
    'refuses a function that does other things the second time',
    withScope(() => {
      let runs = 0;
      const x = tensor([1, 2], { requiresGrad: true });
      const run = (fn: (v: Tensor, run: number) => Tensor, options = {}) => {
        runs = 0;
        const y = checkpoint((v: Tensor) => fn(v, runs++), x, { ...off, ...options });
        return message(() => y.sum().backward());
      };
      expect(run((v, i) => (i === 0 ? v.exp().exp() : v.exp()))).toMatchInlineSnapshot(
        `"TorchError: Expected 2 saved tensors from the second run of a checkpoint's function, as from the first, got 1; it must do the same both times"`,
      );
      expect(run((v, i) => (i === 0 ? v.exp() : v.exp().exp()), { earlyStop: false })).toMatchInlineSnapshot(
        `"TorchError: Expected 1 saved tensors from the second run of a checkpoint's function, as from the first, got more; it must do the same both times"`,
      );
      expect(run((v, i) => (i === 0 ? v.exp() : v.index(0).exp()))).toMatchInlineSnapshot(
        `"TorchError: Expected [2] float32 on cpu for saved tensor 0 from the second run of a checkpoint's function, as from the first, got [] float32 on cpu; it must do the same both times"`,
      );
      expect(
        run((v, i) => {
          if (i > 0) throw new Error('only once');
          return v.exp();
        }),
      ).toMatchInlineSnapshot(`"Error: only once"`);
    }),
  );

  it(
    'refuses options and functions that it cannot take',
    withScope(() => {
      const x = ones([1]);
      const id = (v: Tensor): Tensor => v;
      const call = (options: object) => message(() => checkpoint(id, x, options as never));
      expect(message(() => checkpoint(id as never, x as never))).toMatchInlineSnapshot(
        `"TypeError: Expected { useReentrant: false } as the last argument of checkpoint, got a Tensor"`,
      );
      expect(call({ useReentrant: true })).toMatchInlineSnapshot(
        `"RangeError: Expected useReentrant: false for checkpoint, the only variant here, got true"`,
      );
      expect(call({ ...off, preserveRng: true })).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for checkpoint, got "preserveRng"; did you mean preserveRngState?"`,
      );
      expect(call({ ...off, determinismCheck: 'strict' })).toMatchInlineSnapshot(
        `"RangeError: Expected "default" or "none" for determinismCheck of checkpoint, got "strict""`,
      );
      expect(message(() => checkpoint(5 as never, off as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a function for checkpoint, got 5"`,
      );
      expect(message(() => checkpoint(async (v: Tensor) => v, x, off))).toMatchInlineSnapshot(
        `"TypeError: Expected a synchronous function for checkpoint, got one that returns a promise; call checkpoint around the synchronous parts, between awaits"`,
      );
    }),
  );

  it(
    'lets the function be of a graph without inputs that require grad',
    withScope(() => {
      const w = tensor([2], { requiresGrad: true });
      checkpoint((v: Tensor) => v.mul(w).exp().sum(), tensor([0]), off).backward();
      expect(w.grad?.toArray()).toEqual([0]);
    }),
  );
});

describe('checkpointSequential', () => {
  it(
    'gives what the functions give one after another',
    withScope(() => {
      const x = randn([3, 8]);
      const net = network().eval();
      const layers = net.children().map((layer) => (v: Tensor) => layer.forward(v) as Tensor);
      net.forward(x).sum().backward();
      const plain = gradients(net);
      net.zeroGrad();
      for (const segments of [1, 2, 3, 4]) {
        checkpointSequential(layers, segments, x, off).sum().backward();
        expect(gradients(net)).toEqual(plain);
        net.zeroGrad();
      }
      expect(message(() => checkpointSequential(layers, 5, x, off))).toMatchInlineSnapshot(
        `"RangeError: Expected from 1 to 4 segments for checkpointSequential, got 5"`,
      );
    }),
  );
});

describe('savedTensorsHooks', () => {
  it(
    'packs what ops save, and unpacks it in backward',
    withScope(() => {
      const log: string[] = [];
      const x = tensor([1, 2], { requiresGrad: true });
      const y = autograd.graph.savedTensorsHooks(
        (saved) => {
          log.push(`pack ${saved.toArray()}`);
          return { values: saved.mul(10) };
        },
        ({ values }) => {
          log.push('unpack');
          return values;
        },
        () => x.mul(x),
      );
      expect(log).toEqual(['pack 1,2', 'pack 1,2']);
      y.sum().backward();
      expect(log.slice(2)).toEqual(['unpack', 'unpack']);
      expect(x.grad?.toArray()).toEqual([20, 40]);
      expect(x.mul(x).gradFn).toBe('MulBackward0');
      expect(log).toHaveLength(4);
    }),
  );

  it(
    'lets hooks keep what they are given, outputs too, without keeping the graph',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const same = (saved: Tensor): Tensor => saved;
      autograd.graph.savedTensorsHooks(same, same, () => x.exp()).sum(); // the file's end counts what is left
    }),
  );

  it(
    'may keep them in the memory of the CPU',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      autograd.graph
        .saveOnCpu(() => x.exp())
        .log()
        .sum()
        .backward();
      expect((x.grad as Tensor).toArray<number[]>().map((value) => value.toFixed(5))).toEqual([
        '1.00000',
        '1.00000',
      ]);
    }),
  );

  it(
    'passes errors of the hooks on, and refuses what is no tensor or changes one in place',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const withHooks = (pack: (t: Tensor) => unknown, unpack: (value: never) => unknown): string =>
        message(() =>
          autograd.graph.savedTensorsHooks(pack, unpack as never, () => x.exp().sum()).backward(),
        );
      const fail = (): never => {
        throw new RangeError('no room');
      };
      expect(withHooks(fail, (t) => t)).toMatchInlineSnapshot(`"RangeError: no room"`);
      expect(withHooks((t) => t, fail)).toMatchInlineSnapshot(`"RangeError: no room"`);
      expect(
        withHooks(
          (t) => t,
          () => 5,
        ),
      ).toMatchInlineSnapshot(`"TypeError: Expected a Tensor from unpack of savedTensorsHooks, got 5"`);
      expect(
        withHooks(
          (t) => t.add_(1),
          (t) => t,
        ),
      ).toMatchInlineSnapshot(
        `"TorchError: aten::exp: A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place operations on the input to a pack hook."`,
      );
      expect(
        message(() => autograd.graph.savedTensorsHooks(1 as never, 2 as never, () => 3)),
      ).toMatchInlineSnapshot(`"TypeError: Expected a function for pack of savedTensorsHooks, got 1"`);
    }),
  );
});
