import assert from 'node:assert';
import { beforeAll, describe, expect, it } from 'vitest';
import { Complex, nn, tensor } from '../../lib/index.ts';
import { assertClose, equalTensors, tensorEquality } from '../../lib/testing/index.ts';

describe('without a tester, tensors', () => {
  const a = tensor([1, 2]);
  const b = tensor([1, 3]);

  it('are unequal for toEqual and toStrictEqual, whatever holds them', () => {
    expect(() => expect(a).toEqual(b)).toThrow();
    expect(() => expect([a]).toStrictEqual([b])).toThrow();
    expect(() => expect({ a }).toEqual({ a: b })).toThrow();
    expect(() => expect(new Map([['a', a]])).toEqual(new Map([['a', b]]))).toThrow();
    expect(() => expect(tensor(1)).toEqual(tensor(2))).toThrow();
    const [one, other] = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
    expect(() => expect(one.stateDict()).toEqual(other.stateDict())).toThrow();
    expect(a).toEqual(a);
  });

  it('are unequal for deepStrictEqual', () => {
    expect(() => assert.deepStrictEqual(a, b)).toThrow(/objectId/);
    expect(() => assert.deepEqual([a], [b])).toThrow();
    expect(() => assert.deepStrictEqual(new Map([['a', a]]), new Map([['a', b]]))).toThrow();
    assert.deepStrictEqual(a, a);
  });
});

describe('with the tester, tensors', () => {
  beforeAll(() => expect.addEqualityTesters([tensorEquality]));

  it('are equal by their numbers, wherever they lie', () => {
    expect(tensor([1, 2])).toEqual(tensor([1, 2]));
    expect(tensor(1)).not.toEqual(tensor(2));
    expect({ a: [tensor([NaN, 1])] }).toStrictEqual({ a: [tensor([NaN, 1])] });
    expect(new Map([['a', tensor([1])]])).toEqual(new Map([['a', tensor([1])]]));
    expect(new Map([['a', tensor([1])]])).not.toEqual(new Map([['a', tensor([2])]]));
    const model = new nn.Linear(2, 2);
    expect(model.stateDict()).toEqual(model.stateDict());
    expect(model.stateDict()).not.toEqual(new nn.Linear(2, 2).stateDict());
  });

  it('are unequal by shape, dtype and what they are', () => {
    expect(tensor([1, 2])).not.toEqual(tensor([[1, 2]]));
    expect(tensor([1, 2])).not.toEqual(tensor([1, 2], { dtype: 'float64' }));
    expect(tensor([1, 2])).not.toEqual([1, 2]);
    expect(equalTensors(tensor([1], { dtype: 'bfloat16' }), tensor([1], { dtype: 'bfloat16' }))).toBe(true);
    expect(equalTensors(tensor([true]), tensor([false]))).toBe(false);
    const sparse = tensor([0, 1]).toSparse();
    expect(equalTensors(sparse, sparse.clone())).toBe(true);
    expect(equalTensors(sparse, tensor([0, 1]))).toBe(false);
    const complex = tensor([new Complex(1, 2)]);
    expect(equalTensors(complex, complex.clone())).toBe(true);
  });
});

describe('assertClose', () => {
  const says = (...args: Parameters<typeof assertClose>) => {
    try {
      assertClose(...args);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };

  it('takes numbers that are within the tolerance of their dtype', () => {
    expect(says(tensor([1, 2]), tensor([1 + 1e-6, 2]))).toBeUndefined();
    expect(says({ a: [1, tensor([3])] }, { a: [1 + 1e-9, tensor([3])] })).toBeUndefined();
    expect(says(tensor([1], { dtype: 'float16' }), tensor([1.001], { dtype: 'float16' }))).toBeUndefined();
    expect(says(tensor([NaN]), tensor([NaN]), { equalNaN: true })).toBeUndefined();
    expect(says(tensor([]), tensor([]))).toBeUndefined();
    expect(says(tensor([new Complex(1, 1)]), tensor([new Complex(1, 1)]))).toBeUndefined();
  });

  it('says where, how many and how far', () => {
    expect(says(tensor([[1, 2, 4]]), tensor([[1, 2, 3]]))).toMatchInlineSnapshot(
      `"Expected tensors that are close, got 1 of 3 numbers apart: by 1 at [0, 2] at most, relatively by 0.333 at [0, 2] (allowed: 0.00001 + 0.0000013 * |expected|)"`,
    );
    expect(says(tensor([NaN, 1]), tensor([NaN, 1]))).toMatchInlineSnapshot(
      `"Expected tensors that are close, got 1 of 2 numbers apart: by Infinity at [0] at most, relatively by Infinity at [0] (allowed: 0.00001 + 0.0000013 * |expected|)"`,
    );
    expect(says(tensor([1]), tensor([1, 2]))).toMatchInlineSnapshot(
      `"Expected a tensor of shape [2], got [1]"`,
    );
    expect(says(tensor([1]), tensor([1], { dtype: 'int64' }))).toMatchInlineSnapshot(
      `"Expected a tensor of dtype int64, got float32"`,
    );
    expect(says(tensor([1], { dtype: 'int64' }), tensor([2], { dtype: 'int64' }))).toMatchInlineSnapshot(
      `"Expected tensors that are close, got 1 of 1 numbers apart: by 1 at [0] at most, relatively by 0.5 at [0] (allowed: 0 + 0 * |expected|)"`,
    );
    const state = () => new Map([['fc.bias', tensor([1])]]);
    expect(says(new Map([['fc.bias', tensor([2])]]), state())).toMatchInlineSnapshot(
      `"Expected tensors that are close, got 1 of 1 numbers apart: by 1 at [0] at most, relatively by 1 at [0] (allowed: 0.00001 + 0.0000013 * |expected|) at ["fc.bias"]"`,
    );
    expect(says(new Map(), state())).toMatchInlineSnapshot(`"Expected "fc.bias", got no such key"`);
    expect(says(state(), new Map())).toMatchInlineSnapshot(`"Expected no "fc.bias", got 1 more"`);
    expect(says([1], [1.1])).toMatchInlineSnapshot(
      `"Expected a number close to 1.1, got 1 (allowed: 1e-7 + 1e-7 * |expected|) at [0]"`,
    );
    expect(says([tensor([1])], [1])).toMatchInlineSnapshot(`"Expected 1, got a tensor of shape [1] at [0]"`);
  });

  it('refuses what it would not do', () => {
    expect(() => assertClose(1, 1, { rtol: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected both rtol and atol for assertClose, or neither, got one]`,
    );
    // @ts-expect-error no such option
    expect(() => assertClose(1, 1, { rtoll: 1 })).toThrow('rtol');
  });
});
