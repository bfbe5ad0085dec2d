import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../lib/compile/cpu/lower.ts';
import { type CompileError, compile, loadCompiled } from '../../lib/compile/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { cat, ops, randn, type Tensor, where } from '../../lib/tensor/index.ts';
import { errorOf, tmp } from '../helpers/index.ts';
import { expectAgreement } from '../helpers/plans.ts';
import { elements } from '../nn/numbers.ts';
import { expectEagerHoweverCut, INPUT, network } from './left-to-libtorch.ts';

const { aten } = ops;

const weight = randn([5, 8]);

describe("unsupported: 'eager' runs ops of several results, and values of any shape and dtype on the way", () => {
  it.each<[string, (x: Tensor) => Tensor]>([
    ['the largest logits', (x) => aten.topk(x.mean([2, 3]), 2)[0]],
    [
      'the logits at the largest others',
      (x) => aten.gather(x.mean([2, 3]), 1, aten.topk(x.amax([2, 3]), 2)[1]),
    ],
    ['sorted vectors', (x) => aten.sort(x.mean([2, 3]), -1, true)[0]],
    ['adaptive max pooling to a size that does not divide', (x) => aten.adaptive_max_pool2d(x, [4, 3])[0]],
    ['the places of maxima', (x) => aten.adaptive_max_pool2d(x, [1, 1])[1].to('float32')],
    ['max along rows', (x) => aten.max.dim(x, 3, true)[0]],
    ['a mean over one dimension, and another', (x) => x.mean([2]).mean([2])],
    ['a mean over channels and rows', (x) => x.mean([1, 2])],
    ['std and mean', (x) => cat(aten.std_mean.correction(x, [2, 3], { correction: 0 }), 1)],
    ['rows apart', (x) => cat(x.split(2, 2).reverse(), 2)],
    [
      'attention over pixels',
      (x) => {
        const tokens = aten.transpose(x.flatten(2), 1, 2);
        return tokens
          .matmul(aten.transpose(tokens, 1, 2))
          .softmax(-1)
          .matmul(tokens)
          .mean([1]);
      },
    ],
    [
      'layer norm over channels',
      (x) => aten.permute(aten.layer_norm(aten.permute(x, [0, 2, 3, 1]), [4]), [0, 3, 1, 2]),
    ],
    ['linear layers over columns', (x) => aten.linear(x, weight)],
    ['a choice by comparison', (x) => where(x.gt(0), x, x.mul(0.1))],
    ['channels in groups', (x) => x.view([x.shape[0] as number, 2, 2, 6, 8]).mean([1])],
    ['a vector that is a map to libtorch', (x) => x.mul(aten.hardsigmoid(x.mean([2, 3], { keepdim: true })))],
    [
      'values in float64',
      (x) =>
        x
          .to('float64')
          .mul(1 / 3)
          .to('float32'),
    ],
    ['vectors side by side', (x) => cat([x.mean([2, 3]), x.amax([2, 3])], 1)],
  ])('%s, however the batch is cut', async (_, rest) => {
    await expectEagerHoweverCut(network(rest), [1, 2, 5]);
  });

  it.each<[string, (x: Tensor) => unknown]>([
    ['the largest over the images', (x) => aten.topk(x.mean([2, 3]), 1, 0)[0]],
    ['images in order', (x) => aten.sort(x.mean([2, 3]), 0)[0]],
    ['max over the images', (x) => aten.max.dim(x, 0, true)[0].add(x)],
    ['images joined', (x) => cat([x, x], 0)],
    ['images apart', (x) => x.split(1, 0)[0]],
    ['tokens of all images', (x) => x.flatten(0, 1).softmax(0).view([-1, 4, 6, 8])],
    ['indices as an output', (x) => aten.topk(x.mean([2, 3]), 1)[1]],
    ['a random choice', (x) => aten.bernoulli(x.sigmoid())],
  ])('but not %s', (_, rest) => {
    const make = () => buildPlan(network(rest), { inputs: INPUT, unsupported: 'eager' });
    expect((errorOf(make) as CompileError).name).toBe('CompileError');
  });

  it('names outputs that are no floats', () => {
    const make = () =>
      buildPlan(
        network((x) => ({ best: aten.topk(x.mean([2, 3]), 2)[1] })),
        { inputs: INPUT, unsupported: 'eager' },
      );
    expect(errorOf(make).message).toMatchInlineSnapshot(
      `"Expected a float map (N, C, H, W) or vector (N, C) for output "best", got int64 [N, 2] in the network itself"`,
    );
  });

  it('in a step that computes each value once', () => {
    const model = network((x) => {
      const tokens = x.flatten(2);
      return tokens.add(tokens).mean([2]).unsqueeze(-1).unsqueeze(-1);
    });
    class Outer extends nn.Module {
      inner = model;
      forward(x: Tensor) {
        return (this.inner.forward(x) as Tensor).flatten(1);
      }
    }
    const outer = new Outer().eval();
    const plan = buildPlan(outer, { inputs: INPUT, unsupported: 'eager' });
    const step = plan.steps.find(({ op }) => op === 'aten');
    expect(step).toMatchObject({ before: [{ operator: 'aten::flatten' }, { operator: 'aten::add' }] });
  });

  it('in files, whose calls are checked', async () => {
    const model = network((x) =>
      aten.topk(x.mean([2, 3]), 2)[0].add(aten.sort(x.amax([2, 3]))[0].narrow(1, 0, 2)),
    );
    const fast = await compile(model, { inputs: INPUT, unsupported: 'eager', keepWeights: true });
    const [path, x] = [join(tmp(), 'a.ibnc'), randn([3, 3, 6, 8])];
    fast.save(path);
    const loaded = await loadCompiled(path);
    const [want, got] = [(await fast.run(x)) as Tensor, (await loaded.run(x)) as Tensor];
    expect(elements(got)).toEqual(elements(want));
    for (const model of [fast, loaded]) model.dispose();
  });

  it('interpreted alike', () => {
    const model = network((x) => aten.sort(x.mean([2, 3]))[0]);
    expectAgreement(model, buildPlan(model, { inputs: [[1, 3, 6, 6]], unsupported: 'eager' }), 6);
  });
});
