import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import type { Plan } from '../../../lib/compile/cpu/plan.ts';
import { compile, loadCompiled } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  equal,
  manualSeed,
  noGrad,
  ops,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/index.ts';
import { countSteps, prepared } from '../../helpers/plans.ts';
import { elements, relativeError } from '../../nn/numbers.ts';
import { expectAsEager } from '../as-eager.ts';
import { compilePlan, expectPlan, floatSets, PlanMaker, rejection } from '../plan-maker.ts';

const { aten } = ops;
const sets = floatSets();

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

type Forward = (x: Tensor) => Tensor;

/** Fails unless the compiled forward gives what eager gives, for these sizes of image. */
async function expectEager(forward: Forward, shape: readonly number[]): Promise<void> {
  class Net extends nn.Module {
    forward(x: Tensor): Tensor {
      return forward(x.mul(2));
    }
  }
  await expectAsEager(new Net().eval(), [1, ...shape], [1, 3], { threads: 2, microBatch: 2 });
}

const SIZES = [
  [7, 5, 14, 10],
  [7, 5, 11, 13],
  [8, 9, 3, 4],
  [6, 6, 6, 12],
  [1, 5, 4, 15],
  [4, 3, 1, 1],
] as const;

describe('compile takes', () => {
  it.each(SIZES)('upsampling of %ix%i to %ix%i', async (height, width, rows, columns) => {
    const shape = [5, height, width];
    const size = [rows, columns];
    await expectEager((x) => aten.upsample_bilinear2d(x, size, false), shape);
    await expectEager((x) => aten.upsample_bilinear2d(x, size, true), shape);
    await expectEager((x) => aten.upsample_nearest2d(x, size), shape);
    await expectEager((x) => aten._upsample_nearest_exact2d(x, size), shape);
  });

  it.each([2, 1.5, 0.7, 2.3])('upsampling by the factor %f', async (factor) => {
    const shape = [3, 11, 7];
    const factors = [factor, factor];
    await expectEager((x) => aten.upsample_bilinear2d.vec(x, null, false, factors), shape);
    await expectEager((x) => aten.upsample_bilinear2d.vec(x, null, true, factors), shape);
    await expectEager((x) => aten.upsample_nearest2d.vec(x, null, factors), shape);
    const size = [11, 7].map((side) => Math.floor(side * factor));
    await expectEager((x) => aten.upsample_bilinear2d(x, size, false, factor, factor), shape);
  });

  it('means spread over a map, as an output and in a concatenation', async () => {
    const pooled = (x: Tensor) => x.mean([2, 3], { keepdim: true });
    await expectEager((x) => aten.upsample_bilinear2d(pooled(x), [6, 4], false), [5, 6, 4]);
    await expectEager((x) => aten.cat([x, aten.upsample_nearest2d(pooled(x), [6, 4])], 1), [5, 6, 4]);
    await expectEager((x) => pooled(x).sigmoid(), [5, 6, 4]);
    await expectEager((x) => aten.cat([pooled(x), pooled(x).exp()], 1).narrow(1, 3, 4), [5, 6, 4]);
  });

  it.each([1, 2, 7, 8, 21, 65])('the places of the largest of %i channels as an output', async (channels) => {
    const shape = [channels, 5, 7];
    for (const forward of [
      (x: Tensor) => x.mul(1).argmax(1),
      (x: Tensor) => x.mul(1).argmax(-3, { keepdim: true }),
      (x: Tensor) => x.mean([2, 3]).argmax(1),
      (x: Tensor) => x.mean([2, 3]).argmax(-1, { keepdim: true }),
    ]) {
      const net = new (class extends nn.Module {
        forward(x: Tensor): Tensor {
          return forward(x);
        }
      })().eval();
      const fast = await compile(net, { inputs: [[1, ...shape]], threads: 2 });
      for (const n of [1, 4]) {
        const x = randn([n, ...shape]);
        const [got, want] = [await fast.run(x), forward(x)];
        expect(got.dtype).toBe('int64');
        expect(got.shape).toEqual(want.shape);
        expect(equal(got, want)).toBe(true);
      }
      fast.dispose();
    }
  });
});

describe.each(sets)('steps of %s', (instructionSet) => {
  it.each(['float32', 'bfloat16'] as const)('resize agrees with eager (%s)', async (dtype) => {
    for (const channels of [1, 3, 16, 37]) {
      const maker = new PlanMaker(dtype, [channels, 9, 6]);
      const x = maker.read();
      const outputs = (['nearest', 'nearest-exact', 'bilinear'] as const).map((mode) => {
        const output = maker.range(maker.map(channels + 3, 21, 11), 2, channels);
        const scale: [number, number] = [Math.fround(9 / 21), Math.fround(6 / 11)];
        maker.step({ op: 'resize', input: x, output, mode, alignCorners: false, scale });
        return output;
      });
      await expectPlan(maker.outputs(...outputs), { instructionSet }, [1, 3]);
    }
  });

  it('argmax takes the first of several, and NaN before all else', async () => {
    for (const channels of [3, 16, 41]) {
      const model = await compilePlan(
        () => {
          const maker = new PlanMaker('float32', [channels, 1, 6]);
          const output = maker.indices(1, 6);
          maker.step({ op: 'argmax', input: maker.read(), output });
          const plan = maker.outputs(output);
          Object.assign(plan.outputs[0] as object, { sizes: [1, 6] });
          return plan;
        },
        { instructionSet },
      );
      const x = randn([1, channels, 1, 6]);
      const rows = [...Array(channels).keys()];
      const set = (column: number, value: (c: number) => number) => {
        const numbers = tensor(rows.map(value)).reshape([1, channels, 1, 1]);
        x.narrow(3, column, 1).copy_(numbers);
      };
      set(0, () => 2);
      set(1, (c) => (c >= channels - 2 ? 1 : 0));
      set(2, (c) => (c >= 1 ? Number.NaN : 5));
      set(3, (c) => (c === channels - 1 ? Number.NaN : Number.POSITIVE_INFINITY));
      set(4, () => Number.NEGATIVE_INFINITY);
      const got = await model.run(x);
      expect(got.toArray()).toEqual(x.argmax(1).toArray());
      model.dispose();
    }
  });
});

/** DeepLab v3+ in small: a dilated body, atrous spatial pyramid pooling, low-level features, upsampling. */
class DeepLab extends nn.Module {
  stem = convolution(3, 8, 3, { stride: 2, padding: 1 });
  body = new nn.Sequential(
    convolution(8, 12, 3, { stride: 2, padding: 1 }),
    convolution(12, 16, 3, { padding: 2, dilation: 2 }),
    convolution(16, 16, 3, { padding: 4, dilation: 4, groups: 16 }),
  );
  branches = new nn.ModuleList([
    convolution(16, 10, 1),
    ...[3, 6, 9].map((rate) => convolution(16, 10, 3, { padding: rate, dilation: rate })),
  ]);
  pool = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), convolution(16, 10, 1));
  project = new nn.Sequential(convolution(50, 20, 1), new nn.Dropout(0.5));
  low = convolution(8, 5, 1);
  head = new nn.Sequential(convolution(25, 20, 3, { padding: 1 }), new nn.Conv2d(20, 7, 1));
  corners = false;

  logits(x: Tensor): Tensor {
    const low = this.stem.forward(x);
    const deep = this.body.forward(low);
    const size = deep.shape.slice(2);
    const pooled = aten.upsample_bilinear2d(this.pool.forward(deep), size, this.corners);
    const parts = [...this.branches].map((branch) => (branch as nn.Sequential).forward(deep));
    const joined = this.project.forward(aten.cat([...parts, pooled], 1));
    const wide = aten.upsample_bilinear2d(joined, low.shape.slice(2), this.corners);
    const out = this.head.forward(aten.cat([wide, this.low.forward(low)], 1));
    return aten.upsample_bilinear2d(out, x.shape.slice(2), this.corners);
  }

  forward(x: Tensor): Record<string, Tensor> {
    const out = this.logits(x);
    return { out, labels: out.argmax(1), scores: out.mul(1) };
  }
}

function convolution(from: number, to: number, kernel: number, options: object = {}): nn.Sequential {
  const conv = new nn.Conv2d(from, to, kernel, { bias: false, ...options });
  return new nn.Sequential(conv, new nn.BatchNorm2d(to), new nn.ReLU());
}

describe('a DeepLab head', () => {
  it.each([false, true])('comes out as in eager, its labels too (corners aligned: %s)', async (corners) => {
    const model = prepared(new DeepLab(), 1);
    model.corners = corners;
    for (const [height, width] of [
      [33, 47],
      [64, 40],
    ] as const) {
      for (const threads of [1, 2]) {
        const fast = await compile(model, { inputs: [[1, 3, height, width]], threads });
        for (const n of [1, 3]) {
          const x = randn([n, 3, height, width]);
          const want = noGrad(() => model.forward(x));
          const got = (await fast.run(x)) as Record<string, Tensor>;
          const [mine, eager] = [got.out as Tensor, want.out as Tensor];
          expect(mine.shape).toEqual([n, 7, height, width]);
          expect(relativeError(elements(mine), elements(eager))).toBeLessThan(2e-5);
          expect(equal(got.labels as Tensor, mine.argmax(1))).toBe(true);
        }
        fast.dispose();
      }
    }
  });

  it('has one step for each of its layers', () => {
    const plan = scope(() => buildPlan(prepared(new DeepLab(), 1), { inputs: [[1, 3, 33, 47]] }));
    expect(countSteps(plan)).toEqual({
      conv: 12,
      globalMean: 1,
      linear: 1,
      pointwise: 1,
      resize: 2,
      apply: 1,
      argmax: 1,
    });
  });

  it('is saved and loaded with labels that are the same', async () => {
    const path = `${tmp()}/deeplab.ibn`;
    const model = prepared(new DeepLab(), 1);
    const fast = await compile(model, { inputs: [[1, 3, 33, 47]], keepWeights: true });
    fast.save(path);
    const loaded = await loadCompiled<Record<string, Tensor>>(path);
    const x = randn([2, 3, 33, 47]);
    const [got, want] = [await loaded.run(x), (await fast.run(x)) as Record<string, Tensor>];
    for (const name of ['out', 'labels', 'scores'])
      expect(equal(got[name] as Tensor, want[name] as Tensor)).toBe(true);
    expect(loaded.explain()).toBe(fast.explain());
    expect(loaded.explain()).toContain('labels (33x47 int64)');
    fast.dispose();
    loaded.dispose();
  });

  it('runs libtorch on labels where that is asked for', async () => {
    class Counts extends DeepLab {
      override forward(x: Tensor): Record<string, Tensor> {
        const labels = this.logits(x).argmax(1);
        return { labels, share: labels.eq(2).to('float32').mean([2], { keepdim: false }) };
      }
    }
    const model = prepared(new Counts(), 1);
    expect((await rejection(compile(model, { inputs: [[1, 3, 33, 47]] }))).message).toContain('aten::eq');
    const fast = await compile(model, { inputs: [[1, 3, 33, 47]], unsupported: 'eager' });
    const x = randn([2, 3, 33, 47]);
    const got = (await fast.run(x)) as Record<string, Tensor>;
    const labels = got.labels as Tensor;
    expect(equal(got.share as Tensor, labels.eq(2).to('float32').mean([2]))).toBe(true);
    fast.dispose();
  });
});

describe('damaged plans', () => {
  const plan = (): Plan => {
    const maker = new PlanMaker('float32', [3, 4, 5]);
    const [x, wide, places] = [maker.read(), maker.map(3, 8, 10), maker.indices(8, 10)];
    const scale: [number, number] = [0.5, 0.5];
    maker.step({ op: 'resize', input: x, output: wide, mode: 'bilinear', alignCorners: false, scale });
    maker.step({ op: 'argmax', input: wide, output: places });
    const made = maker.outputs(places);
    Object.assign(made.outputs[0] as object, { sizes: [8, 10] });
    return made;
  };

  it.each<[string, (plan: Plan) => unknown]>([
    ['a mode', ({ steps }) => Object.assign(steps[1] as object, { mode: 'bicubic' })],
    ['corners', ({ steps }) => Object.assign(steps[1] as object, { alignCorners: 1 })],
    ['a scale', ({ steps }) => Object.assign(steps[1] as object, { scale: [0.5] })],
    ['a negative scale', ({ steps }) => Object.assign(steps[1] as object, { scale: [-1, 0.5] })],
    ['an infinite scale', ({ steps }) => Object.assign(steps[1] as object, { scale: [Infinity, 0.5] })],
    ['a resize in place', ({ steps }) => Object.assign(steps[1] as object, { output: 0 })],
    ['a resize of indices', ({ steps }) => Object.assign(steps[1] as object, { input: 2 })],
    ['places in a map', ({ steps }) => Object.assign(steps[2] as object, { output: 1 })],
    ['places of another size', ({ steps }) => Object.assign(steps[2] as object, { input: 0 })],
    ['channels of indices', ({ buffers }) => Object.assign(buffers[2] as object, { channels: 2 })],
    ['a kind of buffer', ({ buffers }) => Object.assign(buffers[2] as object, { kind: 'bits' })],
    ['an arena too small', (made) => Object.assign(made, { arenaBytes: made.arenaBytes - 64 })],
    ['no sizes', ({ outputs }) => Object.assign(outputs[0] as object, { sizes: undefined })],
    ['other sizes', ({ outputs }) => Object.assign(outputs[0] as object, { sizes: [8, 9] })],
    ['too many sizes', ({ outputs }) => Object.assign(outputs[0] as object, { sizes: [8, 10, 1, 1] })],
  ])('with %s are refused', async (_, change) => {
    const changed = plan();
    change(changed);
    expect(await rejection(CompiledModel.fromPlan(changed))).toMatchObject({
      name: 'TorchError',
      code: 'ERR_PLAN',
    });
  });
});
