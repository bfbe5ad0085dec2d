import { describe, expect, it } from 'vitest';
import { DataLoader, TensorDataset } from '../../lib/data/index.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { SGD } from '../../lib/optim/index.ts';
import { cat, grad, manualSeed, noGrad, ops, randint, randn, type Tensor } from '../../lib/tensor/index.ts';
import { Trainer } from '../../lib/train/index.ts';
import { expectClose, message, withScope } from '../helpers/index.ts';

type Network = nn.Module & { forward(x: Tensor): Tensor };
const { aten } = ops;
const { fuseNorms } = nn.utils;
const ibn = ops.ibn as Record<string, (...args: unknown[]) => Tensor>;
const formats = ['contiguous_format', 'channels_last'] as const;

const small = { numClasses: 10, widths: [16, 24, 32, 40] as const };
const networks: Record<string, () => Network> = {
  resnet18_ibn_a: () => models.resnet18_ibn_a(small),
  resnet18_ibn_b: () => models.resnet18_ibn_b(small),
  'resnet18 with IBN after the addition': () =>
    new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], { ...small, ibnCfg: ['d', 'ad', 'aa', null] }),
  'a network of bottlenecks': () =>
    new models.ResNet_IBN(models.Bottleneck_IBN, [1, 1, 1, 1], { ...small, ibnCfg: ['a', 'a', 'b', null] }),
  densenet121_ibn_a: () => models.densenet121_ibn_a({ numClasses: 10, growthRate: 4 }),
};

const laid = (x: Tensor, format: string) => aten.contiguous(x, { memory_format: format as 'channels_last' });

/** How far the gradients together are from those of float64, against their size. */
function errorOf(model: Network, exact: Network): number {
  const all = (network: Network) =>
    cat(network.parameters().map(({ grad }) => (grad as Tensor).to('float64').flatten()));
  const right = all(exact);
  return Number(all(model).sub(right).norm().item()) / Number(right.norm().item());
}

/** A step's gradients; the second network starts as the first. */
function backward(model: Network, x: Tensor): Network {
  model.forward(x).pow(2).sum().backward();
  return model;
}

function copyOf(make: () => Network, model: Network, dtype: 'float32' | 'float64'): Network {
  const copy = make().to({ dtype });
  copy.loadStateDict(model.stateDict());
  return copy;
}

describe('fuseNorms', () => {
  for (const [name, make] of Object.entries(networks)) {
    for (const format of formats) {
      it(
        `trains ${name} as float64 does by the separate ops, ${format}`,
        withScope(() => {
          manualSeed(1);
          const plain = make();
          const fused = fuseNorms(copyOf(make, plain, 'float32'));
          const exact = copyOf(make, plain, 'float64');
          // Rounding may decide a ReLU near zero, whichever ops are used: 2e-2 of all gradients. Not for each image.
          let error = 1;
          for (let tries = 0; tries < 3 && error > 1e-3; tries++) {
            const x = laid(randn([4, 3, 40, 56]), format);
            for (const model of [fused, exact]) model.zeroGrad();
            backward(exact, x.to('float64'));
            error = errorOf(backward(fused, x), exact);
          }
          expect(error).toBeLessThan(1e-3);
          const buffers = new Map(exact.namedBuffers());
          for (const [key, value] of fused.namedBuffers())
            expectClose(value.to('float64'), buffers.get(key)?.to('float64') as Tensor, {
              rtol: 1e-3,
              atol: 1e-4,
            });
        }),
      );
    }
  }

  it(
    'has the op in the graph until it is taken back, clones included, and then the very bits of the separate ops',
    withScope(() => {
      const make = () =>
        new nn.Sequential(new nn.BatchNorm2d(6), new nn.InstanceNorm2d(6), new models.IBN(6));
      const model = make();
      const x = randn([2, 6, 5, 5]);
      const before = model.forward(x);
      const nameOf = (y: Tensor) => String(y.gradFn);
      fuseNorms(model);
      expect(nameOf(model.forward(x))).toContain('InstanceBatchNorm');
      expect(nameOf(model.clone().forward(x))).toContain('InstanceBatchNorm');
      fuseNorms(model, false);
      const after = model.forward(x);
      expect(nameOf(after)).not.toContain('InstanceBatchNorm');
      expect(after.toArray()).toEqual(before.toArray());
    }),
  );

  it(
    'leaves alone what is not for the op: float64, hooks, maps without a batch',
    withScope(() => {
      const norm = fuseNorms(new nn.BatchNorm2d(3));
      const nameOf = (y: Tensor) => String(y.gradFn);
      const half = fuseNorms(new models.IBN(4));
      half.IN?.registerForwardHook(() => undefined);
      expect(nameOf(half.forward(randn([2, 4, 3, 3])))).toContain('Cat');
      norm.to('float64');
      expect(nameOf(norm.forward(randn([2, 3, 4, 4], { dtype: 'float64' })))).toContain('NativeBatchNorm');
      expect(message(() => norm.forward(randn([3, 4, 4])))).toContain('Expected 4D input for BatchNorm2d');
      const one = fuseNorms(new nn.BatchNorm2d(3));
      expect(message(() => one.forward(randn([1, 3, 1, 1])))).toContain('more than 1 value per channel');
    }),
  );

  it('says what it expected', () => {
    expect(message(() => fuseNorms(new nn.Linear(2, 2)))).toMatchInlineSnapshot(
      `"RangeError: Expected a module with BatchNorm2d or InstanceNorm2d for fuseNorms, got Linear without"`,
    );
    expect(message(() => fuseNorms(3 as never))).toContain('TypeError: Expected a Module for fuseNorms');
    expect(message(() => fuseNorms(new nn.BatchNorm2d(2), 'yes' as never))).toContain(
      'Expected a boolean for fuseNorms argument "fuse"',
    );
  });

  it('is an option of Trainer', async () => {
    manualSeed(0);
    const model = models.resnet18_ibn_a({ numClasses: 2, widths: [4, 4, 4, 4], stem: 'small' });
    const losses: number[] = [];
    const trainer = new Trainer({
      model,
      optimizer: new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
      data: new DataLoader(new TensorDataset(randn([8, 3, 16, 16]), randint(0, 2, [8])), { batchSize: 8 }),
      loss: ([x, labels]) => nn.functional.crossEntropy(model.forward(x as Tensor), labels as Tensor),
      epochs: 12,
      fuseNorms: true,
      callbacks: { onStep: ({ values }) => losses.push(values.loss as number) },
    });
    expect(model.bn1.fused).toBe(true);
    await trainer.fit();
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    expect(message(() => new Trainer({ fuseNorms: 1 } as never))).toContain('Trainer');
  });
});

describe('ibn::instance_batch_norm_add_train', () => {
  const shapes = [
    [3, 7, 7, 7],
    [2, 33, 1, 2],
    [1, 70, 9, 5],
    [2, 5, 41, 37],
  ] as const;
  const bounds = { float32: 2e-5, bfloat16: 1.6e-2, float64: 1e-9 } as const;

  /** A residual block's end by torch's own ops, its mask that of `output`, and the gradients. */
  function byParts(leaves: Tensor[], start: number, end: number, relu: boolean, g: Tensor, output: Tensor) {
    const [x, addend, iw, ib, bw, bb] = leaves as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const channels = x.shape[1] as number;
    const inner = x.narrow(1, start, end - start);
    const outer = aten.cat([x.narrow(1, 0, start), x.narrow(1, end, channels - end)], 1);
    const a = aten.instance_norm(inner.contiguous(), iw, ib, null, null, true, 0, 1e-5, true);
    const b = aten.batch_norm(outer.contiguous(), bw, bb, null, null, true, 0, 1e-5, true);
    const y = aten.cat([b.narrow(1, 0, start), a, b.narrow(1, start, channels - end)], 1).add(addend);
    const passed = relu ? g.mul(aten.gt(output, 0)) : g;
    return { output: (relu ? y.relu() : y).detach(), grads: grad([y], leaves, { gradOutputs: [passed] }) };
  }

  for (const dtype of ['float32', 'bfloat16', 'float64'] as const) {
    for (const format of formats) {
      it(
        `does what norms, an addition and a ReLU do, ${dtype}, ${format}`,
        withScope(() => {
          manualSeed(3);
          for (const [n, c, h, w] of shapes) {
            for (const relu of [true, false]) {
              const [start, end] = [Math.trunc(c / 4), Math.trunc(c / 4) + Math.max(1, Math.trunc(c / 3))];
              const map = () =>
                laid(
                  randn([n, c, h, w])
                    .add(aten.linspace(0, 3, w))
                    .to(dtype),
                  format,
                );
              const wide = dtype === 'float64' ? 'float64' : 'float32';
              const vector = (size: number) => randn([size], { dtype: wide });
              const parts = [end - start, end - start, c - end + start, c - end + start];
              const leaves = [map(), map(), ...parts.map(vector)].map((value) => value.requiresGrad_());
              const g = map();
              const [x, addend, ...vectors] = leaves;
              const y = ibn.instance_batch_norm_add_train?.(
                ...[x, addend, start, end, ...vectors, null, null, 1e-5, 1e-5, relu],
              ) as Tensor;
              expect(y.isContiguous(format)).toBe(true);
              const given = g.toArray();
              const grads = grad([y], leaves, { gradOutputs: [g] });
              expect(g.toArray()).toEqual(given);
              const exact = leaves.map((value) => value.detach().to('float64').contiguous().requiresGrad_());
              const wanted = byParts(exact, start, end, relu, g.to('float64').contiguous(), y.detach());
              const bound = { rtol: bounds[dtype], atol: bounds[dtype] };
              expectClose(y.detach().to('float64'), wanted.output, bound);
              for (const [i, value] of (wanted.grads as Tensor[]).entries()) {
                const got = (grads[i] as Tensor).to('float64');
                const scale = dtype === 'bfloat16' && i < 2 ? 4 : 20;
                const tolerance = i < 2 || dtype !== 'bfloat16' ? bounds[dtype] : 2e-5;
                expectClose(got, value, { rtol: scale * tolerance, atol: scale * tolerance });
              }
            }
          }
        }),
      );
    }
  }

  it(
    'overwrites no gradient that somebody holds',
    withScope(() => {
      const x = randn([2, 8, 6, 6]).requiresGrad_();
      const addend = randn([2, 8, 6, 6]).requiresGrad_();
      const weight = randn([8]).requiresGrad_();
      const run = (held: Tensor[] | null) => {
        const common = [null, null, weight, null, null, null, 1e-5, 1e-5, true];
        const y = ibn.instance_batch_norm_add_train?.(x, addend, 0, 0, ...common) as Tensor;
        const z = ibn.instance_batch_norm_train?.(y, null, 0, 0, ...common) as Tensor;
        if (held !== null) for (const one of [y, z]) one.registerHook((value) => void held.push(value));
        const loss = z.mul(z).sum().add(y.sum());
        return grad([loss], [x, addend, weight]) as Tensor[];
      };
      const held: Tensor[] = [];
      const kept = run(held);
      const copies = held.map((value) => value.toArray());
      const again = run(null);
      expect(held.map((value) => value.toArray())).toEqual(copies);
      for (const [i, value] of kept.entries()) expect(value.toArray()).toEqual(again[i]?.toArray());
    }),
  );

  it(
    'has a second derivative, that of the layers, in float64',
    withScope(() => {
      const place = { dtype: 'float64' } as const;
      const x = randn([2, 4, 3, 3], place).requiresGrad_();
      const addend = randn([2, 4, 3, 3], place).requiresGrad_();
      const [w, b] = [randn([4], place).requiresGrad_(), randn([4], place)];
      const second = (y: Tensor): (Tensor | null)[] => {
        const [first, other] = grad([y.pow(3).sum()], [x, addend], { createGraph: true }) as [Tensor, Tensor];
        return grad([first.pow(2).sum().add(other.pow(2).sum())], [w, x, addend]);
      };
      const options = [0, 0, null, null, w, b, null, null, 1e-5, 1e-5, true];
      const fused = second(ibn.instance_batch_norm_add_train?.(x, addend, ...options) as Tensor);
      const plain = aten.batch_norm(x, w, b, null, null, true, 0, 1e-5, true).add(addend).relu();
      for (const [i, value] of second(plain).entries())
        expectClose(fused[i] as Tensor, value as Tensor, { rtol: 1e-9, atol: 1e-9 });
    }),
  );

  it(
    'gives an empty result for an empty batch, and says what it expected',
    withScope(() => {
      const op = (...args: unknown[]) => ibn.instance_batch_norm_add_train?.(...args) as Tensor;
      const rest = [0, 2, null, null, null, null, null, null];
      const x = randn([0, 4, 3, 3]).requiresGrad_();
      const y = op(x, x, ...rest);
      y.sum().backward();
      expect([y.shape, x.grad?.shape]).toEqual([
        [0, 4, 3, 3],
        [0, 4, 3, 3],
      ]);
      const z = noGrad(() => randn([2, 4, 3, 3]));
      expect(message(() => op(z, randn([2, 4, 3, 2]), ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm_add_train: Expected shape [2, 4, 3, 3] for addend, got [2, 4, 3, 2]"`,
      );
    }),
  );
});
