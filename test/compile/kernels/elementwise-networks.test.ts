import { beforeAll, describe, expect, it } from 'vitest';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  manualSeed,
  ops,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../../lib/tensor/index.ts';
import { prepared } from '../../helpers/plans.ts';
import { expectStepsAsEager } from '../as-eager.ts';

const { aten } = ops;
const INPUT = [1, 5, 9, 7];

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

type Forward = (x: Tensor) => Tensor;

/** A convolution of 6 channels with its norm, then `rest`. */
function network(rest: Forward): nn.Module & { forward: Forward } {
  class Net extends nn.Module {
    conv = new nn.Conv2d(5, 6, 3, { padding: 1 });
    norm = new nn.BatchNorm2d(6);
    forward(x: Tensor): Tensor {
      return rest(this.norm.forward(this.conv.forward(x)));
    }
  }
  return prepared(new Net(), 3);
}

/** Fails unless the compiled network gives what eager gives; gives its steps. */
const expectEager = (rest: Forward): Promise<Record<string, number>> =>
  expectStepsAsEager(network(rest), INPUT);

const pooled = (x: Tensor): Tensor => x.mean([2, 3], { keepdim: true });

describe('compile takes', () => {
  it.each<[string, Forward]>([
    ['gelu', (x) => aten.gelu(x)],
    ['gelu by tanh', (x) => aten.gelu(x, { approximate: 'tanh' })],
    ['silu', (x) => aten.silu(x)],
    ['mish', (x) => aten.mish(x)],
    ['hardswish', (x) => aten.hardswish(x)],
    ['hardswish in place', (x) => aten.hardswish_(x.clone())],
    ['hardsigmoid', (x) => aten.hardsigmoid(x)],
    ['relu6', (x) => aten.relu6(x)],
    ['hardtanh', (x) => aten.hardtanh(x, -0.5, 2)],
    ['tanh', (x) => x.tanh()],
    ['sigmoid', (x) => x.sigmoid()],
    ['leaky relu', (x) => aten.leaky_relu(x, 0.1)],
    ['prelu of one weight', (x) => aten.prelu(x, tensor([0.2]))],
    ['elu', (x) => aten.elu(x, 0.8)],
    ['celu', (x) => aten.celu(x, 1.3)],
    ['selu', (x) => aten.selu(x)],
    ['softplus', (x) => aten.softplus(x, 2, 3)],
    ['log sigmoid', (x) => aten.log_sigmoid(x)],
    ['clamp', (x) => x.clamp(-0.5, 0.5)],
    ['clamp from below', (x) => aten.clamp(x, 0.1)],
    ['clamp from above', (x) => aten.clamp(x, null, 0.1)],
    ['clamp by tensors', (x) => aten.clamp.Tensor(x, tensor(-0.2), tensor([0.3]))],
    ['square root', (x) => x.abs().add(0.1).sqrt()],
    ['exp', (x) => x.exp()],
    ['log', (x) => x.abs().add(1).log()],
    ['erf', (x) => x.erf()],
    ['negation', (x) => x.neg()],
  ])('%s, of maps and of vectors', async (_, forward) => {
    expect(await expectEager(forward)).not.toHaveProperty('aten');
    expect(await expectEager((x) => forward(x.mean([2, 3])))).not.toHaveProperty('aten');
    expect(await expectEager((x) => forward(x.relu()).add(x))).not.toHaveProperty('aten');
  });

  it.each<[string, Forward]>([
    ['a product of maps', (x) => x.mul(x.relu())],
    ['a quotient of maps', (x) => x.div(x.abs().add(1))],
    ['a difference of maps', (x) => x.sub(x.sigmoid())],
    ['a sum with alpha', (x) => x.add(x.tanh(), { alpha: 0.3 })],
    ['a difference with alpha', (x) => x.sub(x.tanh(), { alpha: 2 })],
    ['the larger one', (x) => aten.maximum(x, x.neg())],
    ['the smaller one', (x) => aten.min.other(x, x.mul(0.5))],
    ['a map of one channel times a map', (x) => x.narrow(1, 2, 1).sigmoid().mul(x)],
    ['a map minus a map of one channel', (x) => x.sub(x.narrow(1, 0, 1))],
    ['a map divided by a map of one channel', (x) => x.div(x.narrow(1, 0, 1).abs().add(0.5))],
    ['a map minus its means', (x) => x.sub(pooled(x))],
    ['means minus a map', (x) => pooled(x).sub(x)],
    ['a map plus its means', (x) => x.add(pooled(x))],
    ['a map divided by its means', (x) => x.div(pooled(x).abs().add(1))],
    ['means broadcast', (x) => pooled(x).expand(x.shape).mul(2).add(x)],
    ['products of vectors', (x) => x.mean([2, 3]).mul(x.mean([2, 3]).sigmoid())],
    ['vectors divided by one another', (x) => x.mean([2, 3]).div(x.mean([2, 3]).exp())],
    ['one minus', (x) => aten.rsub(x.sigmoid(), 1)],
    ['constants minus a map', (x) => tensor([1, 2, 3, 4, 5, 6]).reshape([6, 1, 1]).sub(x)],
    ['constants divided by a map', (x) => tensor([1, 2, 3, 4, 5, 6]).reshape([6, 1, 1]).div(x.abs().add(1))],
    ['a constant map', (x) => x.add(POSITIONS)],
    ['a constant map, minus', (x) => POSITIONS.sub(x)],
    ['a constant map, divided', (x) => POSITIONS.div(x.abs().add(1))],
    ['a constant row', (x) => x.mul(POSITIONS.narrow(1, 0, 1).narrow(0, 2, 1))],
    [
      'constants of a vector',
      (x) =>
        x
          .mean([2, 3])
          .mul(tensor([1, 2, 3, 4, 5, 6]))
          .sub(0.5),
    ],
    ['one channel times constants of many', (x) => x.narrow(1, 0, 1).mul(POSITIONS)],
    ['the larger of a constant', (x) => aten.maximum(x, tensor(0.25))],
  ])('%s', async (_, forward) => {
    expect(await expectEager(forward)).not.toHaveProperty('aten');
  });

  const POSITIONS = randn([6, 9, 7]);

  it('GeM pooling, of a number and of a parameter', async () => {
    const p = tensor([2.6]);
    const gem = (x: Tensor, power: number | Tensor, root: number | Tensor) => {
      const cubes = aten.clamp(x, 1e-6).pow(power as Tensor);
      return aten
        .avg_pool2d(cubes, [9, 7])
        .pow(root as Tensor)
        .flatten(1);
    };
    expect(await expectEager((x) => gem(x, 3, 1 / 3))).toEqual({ conv: 1, pointwise: 2, globalMean: 1 });
    expect(await expectEager((x) => gem(x, p, p.reciprocal()))).toEqual({
      conv: 1,
      pointwise: 2,
      globalMean: 1,
    });
  });

  it('squeeze and excitation with hard functions', async () => {
    const [down, up] = [new nn.Conv2d(6, 3, 1), new nn.Conv2d(3, 6, 1)];
    const gate = (x: Tensor) => aten.hardsigmoid(up.forward(down.forward(pooled(x)).relu()));
    const steps = await expectEager((x) => aten.hardswish(x.mul(gate(x))));
    expect(steps).toEqual({ conv: 1, linear: 2, pointwise: 2, apply: 1 });
  });

  it('attention over the pixels', async () => {
    const conv = new nn.Conv2d(6, 1, 7, { padding: 3 });
    const steps = await expectEager((x) => x.mul(conv.forward(x).sigmoid()));
    expect(steps).toEqual({ conv: 2, pointwise: 2 });
  });

  it('functions in a row as one step, and what comes before them as they read', async () => {
    expect(await expectEager((x) => aten.gelu(x).mul(2).add(1).tanh().relu())).toEqual({
      conv: 1,
      pointwise: 1,
    });
    expect(await expectEager((x) => x.sub(pooled(x)).relu().tanh())).toEqual({ conv: 1, pointwise: 1 });
    const shared = await expectEager((x) => aten.silu(x.relu()).add(aten.gelu(x.relu())));
    expect(shared).toEqual({ conv: 1, pointwise: 2, apply: 1 });
  });
});

describe('compile refuses', () => {
  const EACH = tensor([1, 2, 3, 4, 5, 6]).reshape([6, 1, 1]);
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
    [
      'weights of each channel for prelu',
      (x) => aten.prelu(x, EACH.flatten()),
      'aten::prelu with a weight for each channel',
    ],
    ['bounds for each channel', (x) => aten.clamp.Tensor(x, EACH), 'no constant number'],
    ['infinite numbers', (x) => x.clamp(Number.NEGATIVE_INFINITY, 1), 'no finite float32'],
    [
      'rounding quotients',
      (x) => aten.div.Tensor_mode(x, x, { rounding_mode: 'floor' }),
      'aten::div with rounding',
    ],
    ['values of other dimensions', (x) => x.mul(x.mean([2, 3])), 'aten::mul'],
    ['a number to the power of a map', (x) => aten.pow.Scalar(2, x), 'aten::pow'],
    ['functions that no kernel has', (x) => x.sin(), 'aten::sin'],
  ])('%s', (_, forward, text) => {
    expect(refusal(forward)).toContain(text);
  });
});
