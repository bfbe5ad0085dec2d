import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../lib/compile/cpu/lower.ts';
import { type CompileError, compile } from '../../lib/compile/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { cat, noGrad, ops, randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/index.ts';
import { elements, relativeError } from '../nn/numbers.ts';
import { expectEagerHoweverCut, INPUT, network } from './left-to-libtorch.ts';

const { aten } = ops;

const batchStatistics = new nn.BatchNorm2d(4, { trackRunningStats: false }).eval();

describe("unsupported: 'eager' refuses what mixes the images of a batch", () => {
  it.each<[string, (x: Tensor) => Tensor]>([
    ['softmax(0)', (x) => x.softmax(0)],
    ['softmax(-4)', (x) => x.softmax(-4)],
    ['log_softmax over the vectors', (x) => aten.log_softmax(x.mean([2, 3]), 0)],
    ['flip([0])', (x) => x.flip([0])],
    ['flip([1, 0])', (x) => x.flip([1, 0])],
    ['cumsum(0)', (x) => aten.cumsum(x, 0)],
    ['roll over dimension 0', (x) => aten.roll(x, [1], [0])],
    ['roll without dimensions', (x) => aten.roll(x, [1], [])],
    ['batch statistics', (x) => batchStatistics.forward(x)],
    [
      'a product of two values',
      (x) =>
        x
          .mean([2, 3])
          .matmul(aten.t(x.mean([2, 3])))
          .matmul(x.mean([2, 3])),
    ],
    ['logits minus those of all images', (x) => x.mean([2, 3]).sub(x.mean([0, 2, 3], { keepdim: false }))],
    ['a dimension that nobody fixed', (x) => aten.amax(x, [], true).add(x)],
    ['transposed images', (x) => aten.transpose(x, 0, 0).flip([-4])],
    ['an op without a rule', (x) => aten.renorm(x, 2, 0, 1)],
  ])('%s', (_, rest) => {
    const make = () => buildPlan(network(rest), { inputs: INPUT, unsupported: 'eager' });
    const error = errorOf(make) as CompileError;
    expect(error.name).toBe('CompileError');
    expect(error.message).not.toContain("unsupported: 'eager'");
  });

  it('and says why and what to do', () => {
    const refusal = (rest: (x: Tensor) => Tensor) =>
      errorOf(() => buildPlan(network(rest), { inputs: INPUT, unsupported: 'eager' })).message.replace(
        /\(.*\/([\w.-]+\.ts):\d+\)/,
        '($1)',
      );
    expect(refusal((x) => x.softmax(0))).toMatchInlineSnapshot(
      `"Expected ops that compile knows, got aten::softmax over the images of a batch in the network itself (per-image.test.ts); do it on the outputs of run(), or run the network without compile"`,
    );
    expect(refusal((x) => batchStatistics.forward(x))).toMatchInlineSnapshot(
      `"Expected ops that compile knows, got aten::batch_norm over the statistics of the batch in the network itself (per-image.test.ts); do it on the outputs of run(), or run the network without compile"`,
    );
    expect(refusal((x) => aten.renorm(x, 2, 0, 1))).toMatchInlineSnapshot(
      `"Expected ops that compile knows, got aten::renorm which is not known to treat every image by itself in the network itself (per-image.test.ts); do it on the outputs of run(), or run the network without compile"`,
    );
  });
});

describe("unsupported: 'eager' runs what treats every image by itself", () => {
  const norm = new nn.BatchNorm2d(4).eval();
  const weight = tensor([0.5, 1, 1.5, 2]);

  it.each<[string, (x: Tensor) => Tensor]>([
    ['softmax(1)', (x) => x.softmax(1)],
    ['softmax(-1) of vectors', (x) => x.mean([2, 3]).softmax(-1)],
    ['GELU', (x) => aten.gelu(x)],
    ['sums of maps', (x) => aten.maximum(x, x.mul(2)).clamp(-1, 1)],
    ['flip([2, 3])', (x) => x.flip([2, 3])],
    ['roll', (x) => aten.roll(x, [1, -1], [2, 3])],
    ['cumsum(1)', (x) => aten.cumsum(x, 1)],
    ['layer norm', (x) => aten.layer_norm(x, [8])],
    ['group norm', (x) => aten.group_norm(x, 2)],
    ['prelu', (x) => aten.prelu(x, weight)],
    ['fixed statistics', (x) => norm.forward(x.softmax(1))],
    ['bilinear upsampling', (x) => aten.upsample_bilinear2d(x, [12, 16], false)],
    ['padding', (x) => aten.constant_pad_nd(x, [1, 1, 2, 0], 3)],
    ['a mean over channels', (x) => x.mean([1], { keepdim: true })],
    ['GeM', (x) => aten.adaptive_avg_pool2d(x.clamp(1e-6).pow(3), [1, 1]).pow(1 / 3)],
    ['adaptive max pooling', (x) => aten.adaptive_max_pool2d(x, [1, 1])[0]],
    ['adaptive max pooling to a map', (x) => aten.adaptive_max_pool2d(x, [3, 4])[0]],
    ['products of maps', (x) => aten.matmul(x, aten.transpose(x, 2, 3))],
    ['permuted maps', (x) => aten.permute(x, [0, 1, 3, 2])],
  ])('%s, however the batch is cut', async (_, rest) => {
    await expectEagerHoweverCut(network(rest), [1, 2, 3, 5, 7]);
  });

  it('and callers that share a batch get what they would get alone', async () => {
    const model = network((x) => aten.gelu(x).softmax(1));
    const fast = await compile(model, { inputs: INPUT, unsupported: 'eager', maxBatch: 8, maxDelayMs: 20 });
    const callers = [1, 2, 3].map((n) => randn([n, 3, 6, 8]));
    const got = (await Promise.all(callers.map((x) => fast.run(x)))) as Tensor[];
    const want: Tensor = noGrad(() => model.forward(cat(callers)));
    expect(relativeError(elements(cat(got)), elements(want))).toBeLessThan(1e-5);
    fast.dispose();
  });
});
