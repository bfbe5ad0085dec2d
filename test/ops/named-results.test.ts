import { describe, expect, it } from 'vitest';
import { empty, histogram, linalg, ops, tensor } from '../../lib/index.ts';

const x = tensor([
  [1, 5, 2],
  [7, 3, 4],
]);

describe('ops of several results', () => {
  it('give an array whose items have the names of the schema', () => {
    const result = x.max(1);
    expect(result.values.toArray()).toEqual([5, 7]);
    expect(result.indices.toArray()).toEqual([1, 0]);
    expect(Array.isArray(result)).toBe(true);
    const [values, indices] = result;
    expect([values, indices]).toEqual([...result]);
    expect([result.values, result.indices]).toEqual([values, indices]);
  });

  it('spell names of several words in both ways', () => {
    const result = histogram(x.flatten(), { bins: 2 });
    expect(result.binEdges.toArray()).toEqual([1, 4, 7]);
    expect(ops.aten.histogram(x.flatten(), 2).bin_edges.toArray()).toEqual([1, 4, 7]);
  });

  it('name what is written to the tensors given with out', () => {
    const values = empty([2]);
    const indices = empty([2], { dtype: 'int64' });
    const result = ops.aten.max(x, 1, { max: values, max_values: indices });
    expect(result.values).toBe(values);
    expect(result.indices).toBe(indices);
  });

  it('have no names where the schema has none, and print as what they are', () => {
    expect(Object.getPrototypeOf(ops.aten.var_mean(x))).toBe(Array.prototype);
    expect(linalg.svd(x).constructor.name).toBe('linalg_svd');
    expect(linalg.svd(x).Vh.shape).toEqual([3, 3]);
  });
});
