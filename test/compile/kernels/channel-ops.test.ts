import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import type { InstanceAffineStep, Plan } from '../../../lib/compile/cpu/plan.ts';
import { compile, loadCompiled } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  equal,
  manualSeed,
  noGrad,
  ops,
  rand,
  randn,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/index.ts';
import { prepared } from '../../helpers/plans.ts';
import { elements, relativeError } from '../../nn/numbers.ts';
import { expectStepsAsEager } from '../as-eager.ts';
import { expectPlan, floatSets, PlanMaker, rejection } from '../plan-maker.ts';

const { aten } = ops;
const sets = floatSets();
const dtypes = ['float32', 'bfloat16'] as const;
const kinds = sets.flatMap((instructionSet) => dtypes.map((dtype) => [instructionSet, dtype] as const));
const INPUT = [1, 5, 9, 7];

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

type Forward = (x: Tensor) => Tensor;

/** A convolution of 12 channels, then `rest`. */
function network(rest: Forward): nn.Module & { forward: Forward } {
  class Net extends nn.Module {
    conv = new nn.Conv2d(5, 12, 3, { padding: 1 });
    forward(x: Tensor): Tensor {
      return rest(this.conv.forward(x));
    }
  }
  return prepared(new Net(), 3);
}

/** Fails unless the compiled network gives what eager gives; gives its steps. */
const expectEager = (rest: Forward): Promise<Record<string, number>> =>
  expectStepsAsEager(network(rest), INPUT);

describe.each(kinds)('steps of %s in %s agree with eager', (instructionSet, dtype) => {
  it.each([1, 3, 8, 16, 21, 37, 130])('over %i channels', async (channels) => {
    const size = [channels, 5, 7] as [number, number, number];
    const maker = new PlanMaker(dtype, size, [channels, 2, 2]);
    const x = maker.range(maker.map(channels + 4, 5, 7), 3, channels);
    maker.step({ op: 'copy', input: maker.read(), output: x });
    const vector = maker.vector(channels);
    maker.step({ op: 'globalMean', input: maker.read(1), output: vector });
    const outputs = [x, vector].flatMap((input) => {
      const made = () => (input === x ? maker.map(...size) : maker.vector(channels));
      const one = () => (input === x ? maker.map(1, 5, 7) : maker.vector(1));
      const [soft, log, plain, normed] = [made(), made(), made(), made()] as [0, 0, 0, 0];
      maker.step({ op: 'softmax', input, output: soft, log: false });
      maker.step({ op: 'softmax', input, output: log, log: true });
      const own = { weight: maker.weight(channels), bias: maker.weight(channels), eps: 1e-5 };
      maker.step({ op: 'layerNorm', input, output: plain, weight: null, bias: null, eps: 0.1 });
      maker.step({ op: 'layerNorm', input, output: normed, ...own });
      const reduced = (['sum', 'mean', 'max', 'min'] as const).map((reduction) => {
        const output = one();
        maker.step({ op: 'reduce', input, output, reduction });
        return output;
      });
      // The norm of one channel has nothing but rounding and its bias.
      return [soft, log, ...(channels === 1 ? [] : [plain, normed]), ...reduced];
    });
    await expectPlan(maker.outputs(...outputs), { instructionSet }, [1, 3]);
  });

  it('norms of groups, in part of the channels and with per-channel norms beside them', async () => {
    const channels = 24;
    const maker = new PlanMaker(dtype, [channels, 6, 7]);
    const x = maker.read();
    const [mean, variance, scale, shift] = [0, 1, 2, 3].map(() => maker.vector(channels)) as [0, 0, 0, 0];
    maker.step({ op: 'statistics', input: x, mean, variance });
    const part = { mean, variance, eps: 1e-5, weight: maker.weight(12), bias: maker.weight(12) };
    maker.step({
      op: 'groupAffine',
      baseScale: maker.weight(channels),
      baseShift: maker.weight(channels),
      parts: [
        { ...part, channel: 0, count: 12, from: 0, groups: 3 },
        { ...part, channel: 12, count: 8, from: 14, weight: null, bias: null, groups: 1 },
        { ...part, channel: 20, count: 2, from: 22, weight: null, bias: null },
      ],
      scale,
      shift,
    });
    const output = maker.map(channels, 6, 7);
    const pre = { scale: { value: scale }, shift: { value: shift }, relu: true };
    maker.step({ op: 'apply', input: x, output, pre });
    await expectPlan(maker.outputs(output, scale, shift), { instructionSet });
  });
});

/** Weights and biases of a norm that are not their start. */
const parameters = (...shape: number[]) => [rand(shape).add(0.5), rand(shape).sub(0.5)] as const;

function groupNorm(groups: number, channels: number, affine = true): Forward {
  const [weight, bias] = affine ? parameters(channels) : [null, null];
  return (x) => aten.group_norm(x, groups, weight, bias);
}

function layerNorm(...shape: number[]): Forward {
  const [weight, bias] = parameters(...shape);
  return (x) => aten.layer_norm(x, shape, weight, bias);
}

describe('compile takes', () => {
  it.each<[string, Forward]>([
    ['softmax over channels', (x) => x.softmax(1)],
    ['softmax from the end', (x) => x.softmax(-3)],
    ['its logarithm', (x) => aten.log_softmax(x, 1)],
    ['softmax of vectors', (x) => x.mean([2, 3]).softmax(-1)],
    ['softmax of large numbers', (x) => x.mul(60).softmax(1)],
    ['means of channels', (x) => x.mean([1], { keepdim: true })],
    ['sums of channels', (x) => x.sum([1], { keepdim: true }).mul(x)],
    ['the largest of channels', (x) => aten.amax(x, [1], true).add(x)],
    ['the smallest of channels', (x) => aten.amin(x, [-3], true)],
    ['the largest of channels, without their places', (x) => aten.max.dim(x, 1, true)[0]],
    ['means of vectors', (x) => x.mean([2, 3]).mean([1], { keepdim: true })],
    ['sums over pixels', (x) => x.sum([2, 3])],
    ['sums over pixels kept', (x) => x.sum([-1, -2], { keepdim: true }).mul(x)],
    ['the largest over pixels', (x) => aten.amax(x, [2, 3])],
    ['channels divided by their sum', (x) => x.abs().div(x.abs().sum([1], { keepdim: true }))],
    ['normalised channels', (x) => x.mul(x.square().sum([1], { keepdim: true }).add(1e-6).rsqrt())],
  ])('%s', async (_, forward) => {
    expect(await expectEager(forward)).not.toHaveProperty('aten');
  });

  it.each([1, 2, 3, 12])('group norm of %i groups, joined with what is around it', async (groups) => {
    const norm = groupNorm(groups, 12);
    const conv = new nn.Conv2d(12, 5, 3, { padding: 1 });
    expect(await expectEager((x) => norm(x))).toEqual({ conv: 1, groupAffine: 1, apply: 1 });
    const inside = await expectEager((x) => conv.forward(norm(x).relu()));
    expect(inside).toEqual({ conv: 2, groupAffine: 1 });
    const residual = await expectEager((x) => x.add(norm(x.relu())).relu());
    expect(residual).not.toHaveProperty('aten');
  });

  it('group norm without weights, of several maps in a row, and of a part', async () => {
    const [plain, five] = [groupNorm(4, 24, false), groupNorm(5, 15)];
    await expectEager((x) => plain(aten.cat([x, x.relu()], 1)));
    await expectEager((x) => five(aten.cat([x.narrow(1, 0, 7), aten.gelu(x).narrow(1, 2, 8)], 1)));
    await expectEager((x) => aten.group_norm(x.narrow(1, 3, 8), 2));
  });

  it('layer norm of vectors and of whole maps', async () => {
    const [vectors, maps] = [layerNorm(12), layerNorm(12, 9, 7)];
    const bare: Forward = (x) => aten.layer_norm(x, [12, 9, 7], null, null, 0.01);
    expect(await expectEager((x) => vectors(x.mean([2, 3])))).toEqual({ conv: 1, layerNorm: 1 });
    expect(await expectEager((x) => maps(x))).toEqual({ conv: 1, groupAffine: 1, pointwise: 2 });
    expect(await expectEager((x) => bare(x).add(x))).not.toHaveProperty('aten');
  });

  it('attention over channels, then over pixels, as in CBAM', async () => {
    const mlp = new nn.Sequential(new nn.Conv2d(12, 4, 1), new nn.ReLU(), new nn.Conv2d(4, 12, 1));
    const conv = new nn.Conv2d(2, 1, 7, { padding: 3 });
    const norm = prepared(new nn.BatchNorm2d(1));
    const steps = await expectEager((x) => {
      const largest = aten.adaptive_max_pool2d(x, [1, 1])[0];
      const mean = aten.adaptive_avg_pool2d(x, [1, 1]);
      const y = x.mul(mlp.forward(mean).add(mlp.forward(largest)).sigmoid());
      const pair = aten.cat([aten.max.dim(y, 1)[0].unsqueeze(1), y.mean([1]).unsqueeze(1)], 1);
      return y.mul(norm.forward(conv.forward(pair)).sigmoid());
    });
    expect(steps).not.toHaveProperty('aten');
    expect(steps).toMatchObject({ conv: 4, linear: 2, reduce: 2 });
  });
});

describe('compile refuses', () => {
  const refusal = (forward: Forward) =>
    scope(() => {
      try {
        buildPlan(network(forward), { inputs: [INPUT] });
      } catch (error) {
        return (error as Error).message;
      }
      return 'nothing';
    });

  it.each<[string, Forward, string]>([
    ['softmax over columns', (x) => x.softmax(-1), 'aten::softmax along another dimension than the channels'],
    ['softmax in another dtype', (x) => aten.softmax(x, 1, 'float64').to('float32'), 'aten::softmax'],
    ['layer norm over columns', (x) => aten.layer_norm(x, [7]), 'aten::layer_norm over other dimensions'],
    ['means over rows', (x) => x.mean([2], { keepdim: true }), 'aten::mean over other dimensions'],
    ['(N, H, W) as an output', (x) => x.mean([1]), 'got float32 [N, 9, 7]'],
    ['(N, H, W) as an operand', (x) => x.mean([1]).relu(), 'aten::relu'],
  ])('%s', (_, forward, text) => {
    expect(refusal(forward)).toContain(text);
  });

  it('what is (N, H, W) on the way is run by libtorch where that is asked for', async () => {
    const model = network((x) => x.mean([1]).softmax(-1).unsqueeze(1).mul(x));
    const fast = await compile(model, { inputs: [INPUT], unsupported: 'eager' });
    const x = randn([3, 5, 9, 7]);
    const want = noGrad(() => model.forward(x));
    expect(relativeError(elements(await fast.run(x)), elements(want))).toBeLessThan(1e-5);
    fast.dispose();
  });
});

describe('plans', () => {
  const plan = (): Plan => {
    const maker = new PlanMaker('float32', [6, 4, 5]);
    const x = maker.read();
    const [mean, variance, scale, shift] = [0, 1, 2, 3].map(() => maker.vector(6)) as [0, 0, 0, 0];
    maker.step({ op: 'softmax', input: x, output: x, log: false });
    maker.step({ op: 'layerNorm', input: x, output: x, weight: maker.weight(6), bias: null, eps: 1e-5 });
    maker.step({ op: 'statistics', input: x, mean, variance });
    const [baseScale, baseShift] = [maker.weight(6), maker.weight(6)];
    const part = {
      mean,
      variance,
      eps: 1e-5,
      weight: null,
      bias: null,
      channel: 0,
      count: 6,
      from: 0,
      groups: 3,
    };
    maker.step({ op: 'groupAffine', baseScale, baseShift, parts: [part], scale, shift });
    maker.step({
      op: 'apply',
      input: x,
      output: x,
      pre: { scale: { value: scale }, shift: { value: shift }, relu: false },
    });
    const one = maker.map(1, 4, 5);
    maker.step({ op: 'reduce', input: x, output: one, reduction: 'max' });
    return maker.outputs(x, one);
  };

  it('are saved and loaded', async () => {
    const path = `${tmp()}/model.ibn`;
    const model = await CompiledModel.fromPlan<Tensor[]>(plan());
    model.save(path);
    const loaded = await loadCompiled<Tensor[]>(path);
    const x = rand([2, 6, 4, 5]);
    const [got, want] = [await loaded.run(x), await model.run(x)];
    for (const i of [0, 1]) expect(equal(got[i] as Tensor, want[i] as Tensor)).toBe(true);
    expect(loaded.explain()).toBe(model.explain());
    model.dispose();
    loaded.dispose();
  });

  it.each<[string, number, object]>([
    ['softmax of no flag', 1, { log: 0 }],
    ['softmax to another size', 1, { output: 5 }],
    ['softmax of a map to a vector', 1, { output: 1 }],
    ['layer norm by a weight of another size', 2, { weight: null, bias: 3 }],
    ['layer norm without eps', 2, { eps: null }],
    ['a reduction of no kind', 6, { reduction: 'product' }],
    ['a reduction to as many channels', 6, { output: 0 }],
    ['a reduction to a vector', 6, { output: 1 }],
  ])('with %s are refused', async (_, step, change) => {
    const changed = plan();
    Object.assign(changed.steps[step] as object, change);
    expect(await rejection(CompiledModel.fromPlan(changed))).toMatchObject({
      name: 'TorchError',
      code: 'ERR_PLAN',
    });
  });

  it.each([0, 4, 7, 1.5, null])('with %s groups of 6 channels are refused', async (groups) => {
    const changed = plan();
    const step = changed.steps[4] as InstanceAffineStep;
    Object.assign(step.parts[0] as object, { groups });
    expect(await rejection(CompiledModel.fromPlan(changed))).toMatchObject({
      name: 'TorchError',
      code: 'ERR_PLAN',
    });
  });
});
