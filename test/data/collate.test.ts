import { describe, expect, it } from 'vitest';
import { DataLoader, defaultCollate } from '../../lib/data/index.ts';
import { isTensor, tensor } from '../../lib/tensor/index.ts';
import { message } from '../helpers/index.ts';

/** Dtypes and elements instead of tensors. */
function plain(value: unknown): unknown {
  if (isTensor(value)) return [value.dtype, value.toArray()];
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plain(item)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

describe('defaultCollate', () => {
  it.each([
    ['whole numbers', [3, 4], ['int64', [3, 4]]],
    ['numbers, typed by the whole batch', [3, 4.5], ['float64', [3, 4.5]]],
    ['bigints', [3n, 2n ** 62n], ['int64', [3, 2n ** 62n]]],
    ['booleans', [true, false], ['bool', [true, false]]],
    ['strings', ['a', 'b'], ['a', 'b']],
    [
      'typed arrays',
      [new Float32Array([1, 2]), new Float32Array([3, 4])],
      [
        'float32',
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    [
      'tuples',
      [
        [1, 'a'],
        [2, 'b'],
      ],
      [
        ['int64', [1, 2]],
        ['a', 'b'],
      ],
    ],
    ['records', [{ y: 1 }, { y: 2 }], { y: ['int64', [1, 2]] }],
    ['Maps', [new Map([['y', 1]]), new Map([['y', 2]])], new Map([['y', ['int64', [1, 2]]]])],
    [
      'tuples in records',
      [{ box: [1, 2] }, { box: [3, 4] }],
      {
        box: [
          ['int64', [1, 3]],
          ['int64', [2, 4]],
        ],
      },
    ],
  ])('takes %s', (_, samples, want) => {
    expect(plain(defaultCollate(samples as unknown[]))).toEqual(want);
  });

  it('refuses what does not fit the first sample, and says where', () => {
    const refusal = (...samples: unknown[]) => message(() => defaultCollate(samples));
    expect(refusal([10], [20, 21])).toMatchInlineSnapshot(
      `"RangeError: Expected arrays of one length for sample 1 of a batch, got 2 and 1 in sample 0; pass collateFn"`,
    );
    expect(refusal([1, 2], [3])).toMatchInlineSnapshot(
      `"RangeError: Expected arrays of one length for sample 1 of a batch, got 1 and 2 in sample 0; pass collateFn"`,
    );
    expect(refusal({ x: [1, [2]] }, { x: [3, [4, 5]] })).toMatchInlineSnapshot(
      `"RangeError: Expected arrays of one length for sample 1 of a batch, ["x"][1], got 2 and 1 in sample 0; pass collateFn"`,
    );
    expect(refusal({ a: 1 }, { a: 1, b: 2 })).toMatchInlineSnapshot(
      `"RangeError: Expected the keys of sample 0 for sample 1 of a batch, got also "b"; pass collateFn"`,
    );
    expect(refusal({ a: 1, b: 2 }, { a: 1 })).toMatchInlineSnapshot(
      `"RangeError: Expected the keys of sample 0 for sample 1 of a batch, got none called "b"; pass collateFn"`,
    );
    expect(refusal(new Map([['a', 1]]), new Map([['b', 1]]))).toMatchInlineSnapshot(
      `"RangeError: Expected the keys of sample 0 for sample 1 of a batch, got none called "a"; pass collateFn"`,
    );
    expect(refusal(1, 'a')).toMatchInlineSnapshot(
      `"TypeError: Expected one kind of value for sample 1 of a batch, got string and number in sample 0; pass collateFn"`,
    );
    expect(refusal({ label: 1 }, { label: 2 }, { label: undefined })).toMatchInlineSnapshot(
      `"TypeError: Expected one kind of value for sample 2 of a batch, ["label"], got undefined and number in sample 0; pass collateFn"`,
    );
    expect(refusal({ label: null })).toMatchInlineSnapshot(
      `"TypeError: Expected tensors, typed arrays, numbers, bigints, booleans, strings, tuples, Maps or plain objects for sample 0 of a batch, ["label"], got null; pass collateFn"`,
    );
    expect(refusal(new Float32Array(2), new Float32Array(3))).toMatchInlineSnapshot(
      `"RangeError: Expected typed arrays of one length for sample 1 of a batch, got 3 and 2 in sample 0; pass collateFn"`,
    );
    expect(refusal(new Date(0))).toMatchInlineSnapshot(
      `"TypeError: Expected tensors, typed arrays, numbers, bigints, booleans, strings, tuples, Maps or plain objects for sample 0 of a batch, got a Date; pass collateFn"`,
    );
    expect(refusal(new Set([1]))).toMatchInlineSnapshot(
      `"TypeError: Expected tensors, typed arrays, numbers, bigints, booleans, strings, tuples, Maps or plain objects for sample 0 of a batch, got a Set; pass collateFn"`,
    );
    expect(refusal()).toMatchInlineSnapshot(
      `"RangeError: Expected at least one sample to collate, got none"`,
    );
  });

  it('refuses holes and typed arrays of several kinds', () => {
    const holes = (...values: unknown[]) => {
      const array: unknown[] = [];
      for (const [i, value] of values.entries()) if (value !== undefined) array[i] = value;
      array.length = values.length;
      return array;
    };
    const refused = (samples: unknown[]) => message(() => defaultCollate(samples));
    expect([
      refused([holes(undefined, 1), holes(undefined, 2)]),
      refused([holes(1, undefined), [1, 2]]),
      refused(holes(1, undefined, 3)),
      refused([new Float32Array(2), new Float64Array(2)]),
      refused([{ x: new Uint8Array(2) }, { x: new BigInt64Array(2) }]),
    ]).toMatchInlineSnapshot(`
      [
        "TypeError: Expected tensors, typed arrays, numbers, bigints, booleans, strings, tuples, Maps or plain objects for sample 0 of a batch, [0], got undefined; pass collateFn",
        "TypeError: Expected one kind of value for sample 1 of a batch, [1], got number and undefined in sample 0; pass collateFn",
        "TypeError: Expected one kind of value for sample 1 of a batch, got undefined and number in sample 0; pass collateFn",
        "TypeError: Expected typed arrays of one kind for sample 1 of a batch, got Float64Array and Float32Array in sample 0; pass collateFn",
        "TypeError: Expected typed arrays of one kind for sample 1 of a batch, ["x"], got BigInt64Array and Uint8Array in sample 0; pass collateFn",
      ]
    `);
    expect(plain(defaultCollate([Buffer.from([1]), new Uint8Array([2])]))).toEqual(['uint8', [[1], [2]]]);
  });
});

describe('batches of a DataLoader', () => {
  const of = (values: number[], batchSize = 2) =>
    new DataLoader({ length: values.length, get: (i) => ({ z: values[i] as number }) }, { batchSize });

  it('have numbers of one dtype', async () => {
    const dtypes: string[] = [];
    for await (const { z } of of([0.5, 1, 2, 3])) dtypes.push(z.dtype);
    expect(dtypes).toEqual(['float64', 'float64']);
  });

  it('refuse a fraction after whole numbers, as labels were int64 so far', async () => {
    const read = async () => {
      for await (const { z } of of([1, 2, 2.5, 3])) z.dispose();
    };
    await expect(read()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected whole numbers for sample 0 of a batch, ["z"], as in the batches before, got 2.5; give tensors, such as tensor(x, { dtype: 'float32' }), or pass collate]`,
    );
  });

  it('do not depend on which is read first', async () => {
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const get = async (i: number) => {
      await wait(i < 2 ? 20 : 0);
      return [1, 2, 2.5, 3][i] as number;
    };
    const loader = new DataLoader({ length: 4, get }, { batchSize: 2, prefetch: 3 });
    const dtypes: string[] = [];
    const read = async () => {
      for await (const batch of loader) dtypes.push(batch.dtype);
    };
    await expect(read()).rejects.toThrow('Expected whole numbers');
    expect(dtypes).toEqual(['int64']);
  });

  it('are typed by tensors where the data set gives them', async () => {
    const loader = new DataLoader(
      { length: 2, get: (i) => tensor(i, { dtype: 'float32' }) },
      { batchSize: 2 },
    );
    for await (const batch of loader) expect(plain(batch)).toEqual(['float32', [0, 1]]);
  });

  it('are of options that it knows', () => {
    const make = (options: unknown) =>
      message(() => new DataLoader({ length: 2, get: (i) => i }, options as never));
    expect(make({ batch_size: 2 })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for DataLoader, got "batch_size"; did you mean batchSize?"`,
    );
    expect(make({ shuffel: true })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for DataLoader, got "shuffel"; did you mean shuffle?"`,
    );
    expect(make(32)).toMatchInlineSnapshot(
      `"TypeError: Expected an options object for DataLoader, got number"`,
    );
    expect(make({ shuffle: 'yes' })).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean for DataLoader shuffle, got "yes""`,
    );
    expect(make({ sequential: true, prefetch: 2 })).toMatchInlineSnapshot(
      `"RangeError: Expected prefetch 0 for DataLoader with sequential, got 2"`,
    );
  });
});
