import { describe, expect, it } from 'vitest';
import { type CompiledModel, CompileError, compile } from '../../../lib/compile/index.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  cat,
  manualSeed,
  noGrad,
  ops,
  rand,
  randn,
  type Tensor,
  tensor,
  where,
  zeros,
} from '../../../lib/tensor/index.ts';
import { prepared } from '../../helpers/plans.ts';
import { elements, relativeError } from '../../nn/numbers.ts';

const { aten } = ops;
const INPUT = [[1, 4, 8, 8]];

function network(forward: (x: Tensor) => unknown, modules: Record<string, nn.Module> = {}): nn.Module {
  class Net extends nn.Module {
    forward(x: Tensor) {
      return forward(x);
    }
  }
  const net = new Net();
  for (const [name, module] of Object.entries(modules)) net.registerModule(name, module);
  return prepared(net);
}

const eager = (model: nn.Module, x: Tensor) => noGrad(() => model.forward(x.clone())) as Tensor;

async function withCompiled(
  model: nn.Module,
  use: (fast: CompiledModel<Tensor>) => Promise<unknown>,
  options: object = {},
) {
  const fast = (await compile(model, { inputs: INPUT, threads: 2, ...options })) as CompiledModel<Tensor>;
  try {
    await use(fast);
  } finally {
    fast.dispose();
  }
}

async function expectSame(fast: CompiledModel<Tensor>, model: nn.Module, x: Tensor) {
  const [got, want] = [await fast.run(x), eager(model, x)];
  expect(got.shape).toEqual(want.shape);
  expect(relativeError(elements(got), elements(want))).toBeLessThan(1e-5);
}

const conv = () => new nn.Conv2d(4, 6, 3, { padding: 1 });
const small = () => {
  const layers = new nn.Sequential(conv(), new models.IBN(6), new nn.ReLU(), new nn.MaxPool2d(2));
  return prepared(layers);
};

describe('what run() is given', () => {
  it('may lie in memory in any way', async () => {
    const model = small();
    const x = randn([3, 4, 8, 8]);
    const views: [string, Tensor][] = [
      ['channels_last', x.contiguous({ memoryFormat: 'channels_last' })],
      ['transposed', aten.transpose(x, 2, 3)],
      ['expanded images', randn([1, 4, 8, 8]).expand([3, 4, 8, 8])],
      ['expanded channels', randn([3, 1, 8, 8]).expand([3, 4, 8, 8])],
      ['every second pixel', aten.slice(aten.slice(randn([3, 4, 16, 16]), 2, 1, 16, 2), 3, 0, 16, 2)],
      ['an offset', randn([4, 4, 8, 8]).narrow(0, 1, 3)],
      ['reversed batches', randn([8, 4, 8, 3]).permute([3, 1, 2, 0])],
      ['a leaf that requires grad', randn([2, 4, 8, 8], { requiresGrad: true })],
      ['a result of a graph', randn([2, 4, 8, 8], { requiresGrad: true }).mul(2)],
      ['negated by a view', aten._neg_view(x)],
    ];
    await withCompiled(model, async (fast) => {
      for (const [name, view] of views) {
        const [got, want] = [await fast.run(view), eager(model, view)];
        expect(relativeError(elements(got), elements(want)), name).toBeLessThan(1e-5);
        expect(got.requiresGrad, name).toBe(false);
      }
    });
  });

  it('is refused where it is something else', async () => {
    await withCompiled(small(), async (fast) => {
      const refused: [string, Tensor, RegExp][] = [
        ['float64', randn([1, 4, 8, 8]).to('float64'), /^Expected a float32 Tensor for run, got float64/],
        ['float16', randn([1, 4, 8, 8]).to('float16'), /got float16/],
        ['int64', zeros([1, 4, 8, 8], { dtype: 'int64' }), /got int64/],
        ['bool', zeros([1, 4, 8, 8], { dtype: 'bool' }), /got bool/],
        ['sparse', aten.to_sparse(randn([1, 4, 8, 8])), /got sparse/],
        ['meta', zeros([1, 4, 8, 8], { device: 'meta' }), /one on meta/],
        ['three channels', randn([1, 3, 8, 8]), /^Expected shape \[N, 4, 8, 8\] for run, got \[1, 3, 8, 8\]/],
        ['another size', randn([1, 4, 8, 9]), /got \[1, 4, 8, 9\]/],
        ['turned', randn([1, 8, 8, 4]), /got \[1, 8, 8, 4\]/],
        ['no batch', randn([4, 8, 8]), /got \[4, 8, 8\]/],
      ];
      for (const [name, x, message] of refused) {
        await expect(fast.run(x), name).rejects.toThrow(message);
      }
      const gone = randn([1, 4, 8, 8]);
      gone.dispose();
      await expect(fast.run(gone)).rejects.toMatchObject({ code: 'ERR_TENSOR_DISPOSED' });
      await expect(fast.run([randn([1, 4, 8, 8]), randn([1, 4, 8, 8])] as never)).rejects.toThrow(
        /1 input for run, got 2/,
      );
    });
  });

  it('may be no images at all', async () => {
    const model = network((x) => ({ map: x.relu(), vector: x.mean([2, 3]) }));
    await withCompiled(model, async (fast) => {
      const { map, vector } = (await fast.run(zeros([0, 4, 8, 8]))) as unknown as Record<string, Tensor>;
      expect([map?.shape, vector?.shape]).toEqual([
        [0, 4, 8, 8],
        [0, 4],
      ]);
    });
  });
});

describe('runs side by side', () => {
  it('get their own answers, whatever is joined or cut', async () => {
    const [one, two] = [small(), small()];
    noGrad(() => (two as unknown as nn.Sequential).get?.(0));
    const options = { maxBatch: 8, maxDelayMs: 2, microBatch: 2 };
    await withCompiled(
      one,
      (first) =>
        withCompiled(
          two,
          async (second) => {
            const sizes = [1, 3, 2, 5, 1, 1, 4, 7, 2, 1, 0, 6];
            const inputs = sizes.map((n) => randn([n, 4, 8, 8]));
            const results = await Promise.all(
              inputs.flatMap((x) => [first.run(x), second.run(x), first.run(x.neg())]),
            );
            for (const [i, x] of inputs.entries()) {
              const [a, b, c] = results.slice(3 * i) as [Tensor, Tensor, Tensor];
              if (x.shape[0] === 0) continue;
              expect(relativeError(elements(a), elements(eager(one, x)))).toBeLessThan(1e-5);
              expect(relativeError(elements(b), elements(eager(two, x)))).toBeLessThan(1e-5);
              expect(relativeError(elements(c), elements(eager(one, x.neg())))).toBeLessThan(1e-5);
            }
          },
          options,
        ),
      options,
    );
  });
});

describe('weights that change after compile', () => {
  it('do not change a compiled model', async () => {
    const factor = tensor([1, 2, 3, 4]).reshape([1, 4, 1, 1]);
    const [layer, constant] = [new nn.Conv2d(4, 4, 1), randn([4, 4, 3, 3])];
    const model = network(
      (x) => aten.conv2d(aten.maximum(layer.forward(x), factor), constant, null, [1, 1], [1, 1]),
      { layer },
    );
    const x = randn([2, 4, 8, 8]);
    const want = elements(eager(model, x));
    await withCompiled(
      model,
      async (fast) => {
        noGrad(() => {
          for (const value of [...model.parameters(), factor, constant]) value.mul_(-3);
        });
        expect(relativeError(elements(await fast.run(x)), want)).toBeLessThan(1e-5);
        for (const value of [...model.parameters(), factor, constant]) value.dispose();
        expect(relativeError(elements(await fast.run(x)), want)).toBeLessThan(1e-5);
      },
      { unsupported: 'eager' },
    );
  });
});

describe('NaN, infinity and -0', () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
  const pool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  const ibn = new models.IBN(4);
  const single = new nn.Conv2d(4, 5, 1);
  const fc = new nn.Linear(4, 3);
  const plain = new nn.BatchNorm2d(4);
  const vectors = new nn.BatchNorm1d(4);

  it.each<[string, (x: Tensor) => Tensor]>([
    ['relu', (x) => x.relu()],
    ['relu after a sum', (x) => x.add(x).relu()],
    ['max pooling', (x) => pool.forward(x)],
    ['relu, then max pooling', (x) => pool.forward(x.relu())],
    ['average pooling', (x) => aten.avg_pool2d(x, [2, 2])],
    ['global pooling', (x) => x.mean([2, 3])],
    ['instance norm', (x) => aten.instance_norm(x, null, null, null, null, true, 0, 1e-5, true)],
    ['instance-batch norm', (x) => ibn.forward(x).relu()],
    ['batch norm', (x) => plain.forward(x)],
    ['a convolution of one pixel', (x) => single.forward(x)],
    ['a convolution of one pixel and relu', (x) => single.forward(x).relu()],
    ['a gate', (x) => x.mul(x.mean([2, 3], { keepdim: true }))],
    [
      'a gate by sigmoid',
      (x) =>
        x.mul(
          fc
            .forward(x.mean([2, 3]))
            .sigmoid()
            .narrow(1, 0, 1)
            .sum([1])
            .mul(0)
            .add(1)
            .reshape([-1, 1, 1, 1]),
        ),
    ],
    ['a linear layer', (x) => fc.forward(x.mean([2, 3]))],
    ['a linear layer and relu', (x) => fc.forward(x.mean([2, 3])).relu()],
    ['a linear layer and sigmoid', (x) => fc.forward(x.mean([2, 3])).sigmoid()],
    ['norms of vectors', (x) => vectors.forward(x.mean([2, 3]))],
    ['norms of vectors before a linear layer', (x) => fc.forward(vectors.forward(x.mean([2, 3])))],
    ['factors of 0', (x) => x.mul(0)],
    ['division by 0', (x) => x.div(0)],
    ['slices and joins', (x) => cat([x.narrow(1, 2, 2), x.narrow(1, 0, 2)], 1)],
    ['sums', (x) => x.add(aten.flip(x, [2]))],
  ])('go through %s as in eager mode', async (_, forward) => {
    const model = network(forward, { pool, ibn, single, fc, plain, vectors });
    await withCompiled(
      model,
      async (fast) => {
        for (const value of odd) {
          manualSeed(4);
          const x = randn([2, 4, 8, 8]);
          noGrad(() => x.narrow(0, 1, 1).narrow(1, 1, 1).narrow(2, 3, 1).narrow(3, 5, 1).fill_(value));
          const [got, want] = [elements(await fast.run(x)), elements(eager(model, x))];
          const kinds = (numbers: number[]) => numbers.map((n) => (Number.isFinite(n) ? 0 : n));
          expect(kinds(got), String(value)).toEqual(kinds(want));
          const off = got.map((n, i) => (Number.isFinite(n) ? Math.abs(n - (want[i] as number)) : 0));
          const largest = Math.max(1, ...want.filter(Number.isFinite).map(Math.abs));
          expect(Math.max(...off) / largest).toBeLessThan(1e-5);
        }
      },
      { unsupported: 'eager' },
    );
  });
});

describe('modules that do other things', () => {
  const refusal = async (model: nn.Module) => {
    const error = await compile(model, { inputs: INPUT }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CompileError);
    return (error as CompileError).code;
  };

  it('hooks are part of the forward', async () => {
    const layer = conv();
    const model = network((x) => layer.forward(x), { layer });
    layer.registerForwardPreHook((_, [x]: Tensor[]) => [x?.mul(2)]);
    layer.registerForwardHook((_, __, y: Tensor) => y.relu().add(1));
    model.registerForwardHook((_, __, y: Tensor) => y.narrow(1, 0, 2));
    const x = randn([3, 4, 8, 8]);
    await withCompiled(model, (fast) => expectSame(fast, model, x));
  });

  it('hooks that keep what they see are left with nothing false', async () => {
    const layer = conv();
    const seen: Tensor[] = [];
    layer.registerForwardHook((_, __, y: Tensor) => void seen.push(y));
    const model = network((x) => layer.forward(x).relu(), { layer });
    await withCompiled(model, (fast) => expectSame(fast, model, randn([2, 4, 8, 8])));
  });

  it('training mode is refused, of any module', async () => {
    expect(await refusal(new nn.Sequential(conv(), new nn.Dropout(0.5)).train())).toBe(
      'ERR_COMPILE_TRAINING',
    );
    const partly = prepared(new nn.Sequential(conv(), new nn.Dropout(0.5)));
    partly.getSubmodule('1').train();
    expect(await refusal(partly)).toBe('ERR_COMPILE_TRAINING');
  });

  it('dropout that ignores the mode is refused', async () => {
    expect(await refusal(network((x) => aten.dropout(x, 0.5, true)))).toMatch(/^ERR_COMPILE_/);
    expect(await refusal(network((x) => x.mul(rand([1]))))).toMatch(/^ERR_COMPILE_/);
    expect(await refusal(network((x) => x.add(aten.randn_like(x))))).toMatch(/^ERR_COMPILE_/);
  });

  it('a module that counts its calls is refused', async () => {
    let calls = 0;
    expect(await refusal(network((x) => (calls++ % 2 === 0 ? x.relu() : x.sigmoid())))).toBe(
      'ERR_COMPILE_BATCH',
    );
    const state = { sum: zeros([1]) };
    expect(
      await refusal(
        network((x) => {
          state.sum = state.sum.add(1);
          return x.mul(state.sum);
        }),
      ),
    ).toMatch(/^ERR_COMPILE_/);
  });

  it('buffers that a forward writes to are refused', async () => {
    const layer = new nn.BatchNorm2d(4);
    const model = network(
      (x) => {
        noGrad(() => layer.running_mean?.add_(1));
        return layer.forward(x);
      },
      { layer },
    );
    expect(await refusal(model)).toBe('ERR_COMPILE_ALIAS');
  });

  it('control flow by size is that of the size', async () => {
    const layer = conv();
    const model = network((x) => ((x.shape[2] as number) > 4 ? layer.forward(x) : x), { layer });
    await withCompiled(model, (fast) => expectSame(fast, model, randn([2, 4, 8, 8])));
  });

  it('control flow by values is refused', async () => {
    expect(await refusal(network((x) => ((x.mean().item() as number) > 0 ? x : x.neg())))).toBe(
      'ERR_COMPILE_DATA_DEPENDENT',
    );
    expect(await refusal(network((x) => (String(x.max().toArray()) > '0' ? x : x.neg())))).toBe(
      'ERR_COMPILE_DATA_DEPENDENT',
    );
    expect(await refusal(network((x) => where(x.gt(0), x, x.neg()).index(x.gt(0))))).toMatch(/^ERR_COMPILE_/);
    expect(await refusal(network((x) => x.mul(Number(x.sum()))))).toBe('ERR_COMPILE_DATA_DEPENDENT');
  });
});

describe('outputs', () => {
  it('that are the input, or one another, are memory of their own', async () => {
    const model = network((x) => {
      const y = x.relu();
      return [x, y, y, y.narrow(1, 0, 2), x.detach()];
    });
    await withCompiled(model, async (fast) => {
      const x = randn([3, 4, 8, 8]);
      const want = (eager(model, x) as unknown as Tensor[]).map(elements);
      const got = (await fast.run(x)) as unknown as Tensor[];
      expect(got.map(elements)).toEqual(want);
      for (const [i, output] of got.entries()) {
        noGrad(() => output.fill_(i));
        expect(elements(x)).toEqual(want[0]);
      }
      expect(got.map((output) => elements(output)[0])).toEqual([0, 1, 2, 3, 4]);
    });
  });

  it('that depend on no input are refused', async () => {
    const model = network((x) => [x, zeros([1, 4])]);
    await expect(compile(model, { inputs: INPUT })).rejects.toMatchObject({ code: 'ERR_COMPILE_UNRECORDED' });
  });

  it('that are numbers are refused', async () => {
    const model = network((x) => [x, 3]);
    await expect(compile(model, { inputs: INPUT })).rejects.toMatchObject({ name: 'CompileError' });
  });
});
