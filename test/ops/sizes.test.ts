import { describe, expect, it } from 'vitest';
import { arange, noGrad, ones } from '../../lib/index.ts';
import { errorOf } from '../helpers/index.ts';

describe('ops of a tensor and sizes', () => {
  it('share memory, and record for autograd', () => {
    const x = ones([2, 3], { requiresGrad: true });
    const y = x.view([3, 2]);
    expect([y.shape, y.gradFn]).toEqual([[3, 2], 'ViewBackward0']);
    y.mul(2).sum().backward();
    expect(x.grad?.toArray()).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
    expect(noGrad(() => x.view([6])).gradFn).toBeNull();
  });

  it('show writes through views, also when gradients are asked for later', () => {
    const x = arange(6);
    const y = x.view([2, 3]);
    y.mul_(2);
    expect(x.toArray()).toEqual([0, 2, 4, 6, 8, 10]);
    const weight = ones([2], { requiresGrad: true });
    const base = ones([4]);
    const part = base.view([2, 2]);
    part.mul_(weight);
    expect([base.requiresGrad, base.gradFn, part.gradFn]).toEqual([
      true,
      'torch::autograd::CopySlices',
      'AsStridedBackward0',
    ]);
    base.sum().backward();
    expect(weight.grad?.toArray()).toEqual([2, 2]);
  });

  it('take -1, bigints and no sizes at all', () => {
    expect(ones([2, 3]).view([-1]).shape).toEqual([6]);
    expect(ones([2, 3]).reshape([3n, 2n] as unknown as number[]).shape).toEqual([3, 2]);
    expect(ones([1]).view([]).shape).toEqual([]);
  });

  it('refuse what is no size', () => {
    const x = ones([2]);
    const messages = [[2, 0.5], [1, 'a'], [1, undefined], [3]].map(
      (size) => errorOf(() => x.view(size as number[])).message.split('\n')[0],
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "Expected an integer for aten::view argument "size", got 0.5",
        "Expected an integer for aten::view argument "size", got a string",
        "Expected an integer for aten::view argument "size", got undefined",
        "aten::view: shape '[3]' is invalid for input of size 2",
      ]
    `);
    const many = Array.from({ length: 100 }, () => 1);
    expect(ones([1]).reshape(many).dim()).toBe(100);
    x.dispose();
    expect(errorOf(() => x.view([2])).message).toMatchInlineSnapshot(
      `"Tensor was disposed; it was created by aten::ones. Use it before dispose() or the end of its scope(), or keep() it"`,
    );
  });
});
