import { describe, expect, it } from 'vitest';
import {
  arange,
  cat,
  eye,
  grad,
  ops,
  scope,
  slice,
  type Tensor,
  tensor,
  where,
} from '../../lib/tensor/index.ts';
import { expectClose, fixture, forEachDevice, type Numbers, withScope } from '../helpers/index.ts';

interface Figures {
  value: Numbers;
  gradients: Numbers[];
}
const expected = fixture<{ functions: Record<string, Figures>; secondOrder: Numbers[] }>(
  'tensor/autograd.json',
);
const { aten } = ops;

/** sin(start), sin(start + 1), ... as scripts/fixtures/tensor/tensor_autograd.py has it. */
function fill(shape: number[], start = 1): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return arange(start, start + count, { dtype: 'float64' })
    .sin()
    .reshape(shape);
}

type Fn = (a: Tensor, b: Tensor, c: Tensor) => Tensor;
const int64 = (values: number[]) => tensor(values, { dtype: 'int64' });
const functions: Record<string, [Fn, () => Tensor[]]> = {
  polynomial: [(x) => x.mul(x).mul(3).sub(x).add(2).sum(), () => [fill([4])]],
  matmul: [(a, b) => a.matmul(b).tanh().sum(), () => [fill([3, 4]), fill([4, 2], 9)]],
  broadcast: [(a, b) => a.mul(b).pow(3).mean(), () => [fill([3, 1]), fill([4], 5)]],
  views: [
    (x) =>
      x
        .reshape([6, 2])
        .t()
        .index(slice(1))
        .exp()
        .mul(x.flatten().index(slice(0, 6)))
        .sum(),
    () => [fill([3, 4])],
  ],
  indexing: [
    (x) =>
      x
        .index(int64([0, 0, 2]))
        .mul(arange(1, 4, { dtype: 'float32', device: x.device }).unsqueeze(1))
        .sum(),
    () => [fill([3, 2])],
  ],
  'in place': [(x) => x.mul(2).add_(1).mul_(x).sum(), () => [fill([5])]],
  convolution: [
    (x, w, b) => aten.conv2d(x, w, b, [2, 2], [1, 1]).relu().sum(),
    () => [fill([2, 3, 5, 5]), fill([4, 3, 3, 3], 3), fill([4], 2)],
  ],
  'batch norm': [
    (x, w, b) => aten.batch_norm(x, w, b, null, null, true, 0.1, 1e-5, false).pow(3).sum(),
    () => [fill([4, 2, 3, 3]), fill([2]), fill([2], 8)],
  ],
  'instance norm': [
    (x, w, b) => aten.instance_norm(x, w, b, null, null, true, 0.1, 1e-5, false).pow(3).sum(),
    () => [fill([2, 2, 3, 3]), fill([2]), fill([2], 8)],
  ],
  pooling: [(x) => aten.max_pool2d(x, 2).mul(aten.avg_pool2d(x, 2)).sum(), () => [fill([1, 2, 4, 4])]],
  'cross entropy': [(x) => aten.cross_entropy_loss(x, int64([1, 0, 2]).to(x.device)), () => [fill([3, 4])]],
  'log softmax': [(x) => x.logSoftmax(1).diagonal().mean().neg(), () => [fill([3, 3])]],
  'split and cat': [(x) => cat(x.split(2).reverse()).cumsum(0).prod(), () => [fill([5])]],
  topk: [(x) => x.topk(2)[0].pow(2).sum(), () => [fill([6])]],
  cholesky: [
    (x) => aten.linalg_cholesky(x.matmul(x.t()).add(eye(3, 3, { dtype: 'float64', device: x.device }))).sum(),
    () => [fill([3, 3])],
  ],
  complex: [(x) => aten.fft_fft(x).abs().sum(), () => [fill([6])]],
  where: [(x) => where(x.gt(0), x.exp(), x.mul(5)).sum(), () => [fill([8])]],
};

describe('gradients are those of PyTorch', () => {
  for (const name of Object.keys(expected.functions)) {
    forEachDevice(`backward through ${name}`, (device) => {
      scope(() => {
        const [fn, inputs] = functions[name] as [Fn, () => Tensor[]];
        const leaves = inputs().map((input) => input.to(device).requiresGrad_());
        const figures = expected.functions[name] as Figures;
        const value = fn(...(leaves as [Tensor, Tensor, Tensor]));
        expectClose(value.cpu(), figures.value);
        value.backward();
        for (const [i, leaf] of leaves.entries()) {
          expectClose((leaf.grad as Tensor).cpu(), figures.gradients[i] as Numbers);
        }
      });
    });
  }

  it(
    'of second and third order',
    withScope(() => {
      const x = fill([4]).requiresGrad_();
      const [first] = grad([x.pow(4).sum()], [x], { createGraph: true });
      const [second] = grad([(first as Tensor).sum()], [x], { createGraph: true });
      const [third] = grad([(second as Tensor).sum()], [x]);
      for (const [i, result] of [first, second, third].entries()) {
        expectClose(result as Tensor, expected.secondOrder[i] as Numbers);
      }
      expect(x.grad).toBeNull();
    }),
  );

  it(
    'through a long chain',
    withScope(() => {
      const x = tensor([1], { requiresGrad: true });
      const sum = scope(() => {
        let y: Tensor = x;
        for (let i = 0; i < 20_000; i++) y = y.add(1);
        return y;
      });
      sum.backward();
      expect([sum.item(), x.grad?.item()]).toEqual([20_001, 1]);
    }),
  );
});
