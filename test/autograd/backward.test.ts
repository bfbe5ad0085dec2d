import { describe, expect, it } from 'vitest';
import { autograd, type Tensor, tensor } from '../../lib/index.ts';
import { message } from '../nn/messages.ts';

const leaf = (...values: number[]): Tensor => tensor(values, { requiresGrad: true });

describe('autograd.backward', () => {
  it('accumulates the gradients of several tensors in one pass over what they share', () => {
    const x = leaf(1, 2);
    const shared = x.mul(3);
    let passes = 0;
    shared.registerHook(() => void passes++);
    autograd.backward([shared.sum(), shared.pow(2).sum()]);
    expect(x.grad?.toArray()).toEqual([21, 39]);
    expect(passes).toBe(1);
  });

  it('begins with the gradients given, null for tensors of one element', () => {
    const x = leaf(1, 2);
    autograd.backward([x.mul(2), x.sum()], [tensor([1, 10]), null]);
    expect(x.grad?.toArray()).toEqual([3, 21]);
    const y = leaf(1, 2);
    autograd.backward(y.mul(2), tensor([1, 1]), { retainGraph: true });
    expect(y.grad?.toArray()).toEqual([2, 2]);
  });

  it('gives gradients to the inputs named, and records itself with createGraph', () => {
    const [x, y] = [leaf(2), leaf(3)];
    autograd.backward(x.mul(y).pow(2), null, { inputs: x, createGraph: true });
    expect([x.grad?.item(), y.grad]).toEqual([36, null]);
    expect(x.grad?.requiresGrad).toBe(true);
  });

  it('says what it expected', () => {
    const x = leaf(1);
    expect(message(() => autograd.backward([]))).toBe(
      'RangeError: Expected at least one tensor for backward, got an empty array',
    );
    expect(message(() => autograd.backward([x, x], [null]))).toBe(
      'RangeError: Expected a gradient for each of 2 outputs for backward argument "gradTensors", got 1',
    );
    expect(message(() => autograd.backward(x.mul(2), null, { inputs: [] }))).toBe(
      'RangeError: Expected at least one tensor for backward option inputs, got an empty array',
    );
    expect(message(() => autograd.backward(3 as never))).toMatch(
      /^TypeError: Expected a Tensor or an array of them/,
    );
  });
});
