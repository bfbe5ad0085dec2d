import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from '../../lib/index.ts';
import { type Tensor, tensor } from '../../lib/index.ts';
import { assertClose } from '../../lib/testing/index.ts';

const x = tensor(
  [
    [3, 1, 2],
    [0, 5, 4],
  ],
  { dtype: 'float32' },
);

describe('functions of torch', () => {
  it('are the ops, with options in camelCase in the last place', () => {
    expect(torch.matmul(x, x.t()).toArray()).toEqual([
      [14, 13],
      [13, 41],
    ]);
    expect(torch.sum(x, [1], { keepdim: true }).toArray()).toEqual([[6], [9]]);
    expect(torch.indexSelect(x, 1, tensor([2, 0], { dtype: 'int64' })).toArray()).toEqual([
      [2, 3],
      [4, 0],
    ]);
    expect(torch.topk(x, 2, { largest: false })[0].toArray()).toEqual([
      [1, 2],
      [0, 4],
    ]);
    expect(torch.var(x).item()).toBeCloseTo(3.5, 5);
    expect(torch.linalg.norm(x).item()).toBeCloseTo(Math.sqrt(55), 5);
    expect(torch.special.expit(tensor([0])).item()).toBe(0.5);
    expect(torch.fft.fftshift(tensor([0, 1, 2, 3])).toArray()).toEqual([2, 3, 0, 1]);
    expect(torch.relu(tensor([-1, 2])).toArray()).toEqual([0, 2]);
  });

  it('have their names, and refuse what no schema takes', () => {
    expect(torch.matmul.name).toBe('matmul');
    expect(() => (torch.matmul as (...args: unknown[]) => unknown)(x)).toThrow(
      /matmul.*"other".*got nothing/,
    );
    expect(() => torch.sum(x, [1], { keepDim: true } as object)).toThrow(/sum/);
    expect(() => torch.matmul(x, x)).toThrow(/mat1 and mat2|size/);
  });
});

describe('functions of torch that are more than one op', () => {
  it('einsum takes its operands one by one or as an array', () => {
    const expected = [
      [14, 13],
      [13, 41],
    ];
    expect(torch.einsum('ij,kj->ik', x, x).toArray()).toEqual(expected);
    expect(torch.einsum('ij,kj->ik', [x, x]).toArray()).toEqual(expected);
    expect(torch.einsum(x, [0, 1], x, [2, 1], [0, 2]).toArray()).toEqual(expected);
    expect(torch.einsum(x, ['...', 51]).toArray()).toEqual(torch.einsum('...z', x).toArray());
    expect(() => torch.einsum(3 as never, x)).toThrow(/Expected an equation/);
    expect(() => torch.einsum(x, x as never)).toThrow(/Expected an array of dimensions from 0 to 51/);
    expect(() => torch.einsum(x, [0, 52])).toThrow(/Expected an array of dimensions from 0 to 51/);
    expect(() => torch.einsum(x, [0, 1], [0, 1] as never, [0])).toThrow(
      /Expected a Tensor before dimensions/,
    );
  });

  it('where without values gives the places of each dimension', () => {
    expect(torch.where(x.gt(2)).map((places) => places.toArray())).toEqual(
      x
        .gt(2)
        .nonzero()
        .unbind(1)
        .map((places) => places.toArray()),
    );
    expect(torch.where(torch.tensor(1).gt(0)).map((places) => places.toArray())).toEqual([[0]]);
  });

  it('tensordot contracts a number of dimensions, or those that are named', () => {
    const a = torch.arange(60).reshape([3, 4, 5]).to('float32');
    const b = torch.arange(24).reshape([4, 3, 2]).to('float32');
    const named = torch.tensordot(a, b, [
      [1, 0],
      [0, 1],
    ]);
    expect(named.toArray()).toEqual([
      [4400, 4730],
      [4532, 4874],
      [4664, 5018],
      [4796, 5162],
      [4928, 5306],
    ]);
    expect(torch.tensordot(x, x.t(), 1).toArray()).toEqual([
      [14, 13],
      [13, 41],
    ]);
    expect(() => torch.tensordot(x, x, 3)).toThrow('Expected dims of tensordot from 0 to 2, got 3');
  });

  it('cdist and norm know their norms', () => {
    const euclidean = torch.cdist(x, x, { computeMode: 'donot_use_mm_for_euclid_dist' });
    assertClose(
      euclidean,
      tensor([
        [0, Math.sqrt(29)],
        [Math.sqrt(29), 0],
      ]),
    );
    expect(torch.cdist(x, x, { p: 1 }).toArray()).toEqual([
      [0, 9],
      [9, 0],
    ]);
    expect(() => torch.cdist(x, x, { computeMode: 'mm' as never })).toThrow(
      /for cdist option computeMode, got mm/,
    );
    expect(torch.norm(x).item()).toBeCloseTo(Math.sqrt(55), 5);
    assertClose(torch.norm(x, { p: 1, dim: 1, keepdim: true }), tensor([[6], [9]], { dtype: 'float32' }));
    assertClose(torch.norm(x, { p: 'nuc' }), torch.linalg.svdvals(x).sum());
    expect(() => torch.norm(torch.zeros([1, 1, 1]), { dim: [0, 1, 2] })).toThrow(/one or two dimensions/);
  });

  it('unique gives what is asked for', () => {
    const values = tensor([2, 1, 2, 3, 1]);
    expect(torch.unique(values).toArray()).toEqual([1, 2, 3]);
    const [output, inverse, counts] = torch.unique(values, { returnInverse: true, returnCounts: true });
    expect(output.toArray()).toEqual([1, 2, 3]);
    expect(inverse.toArray()).toEqual([1, 0, 1, 2, 0]);
    expect(counts.toArray()).toEqual([2, 2, 1]);
    const [, onlyCounts] = torch.unique(values, { returnCounts: true });
    expect(onlyCounts.toArray()).toEqual([2, 2, 1]);
    expect(
      torch
        .unique(
          tensor([
            [1, 2],
            [1, 2],
            [0, 1],
          ]),
          { dim: 0 },
        )
        .toArray(),
    ).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(torch.uniqueConsecutive(tensor([1, 1, 2, 1])).toArray()).toEqual([1, 2, 1]);
    expectTypeOf(torch.unique(values)).toEqualTypeOf<Tensor>();
    expect(() => torch.unique(values, { return_counts: true } as never)).toThrow(/returnCounts/);
  });

  it('meshgrid, split, cartesianProd, blockDiag and atleast2d shape as torch does', () => {
    const [rows, columns] = torch.meshgrid(torch.arange(2), torch.arange(3)) as [Tensor, Tensor];
    expect(rows.toArray()).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect(columns.toArray()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(torch.meshgrid([torch.arange(2), torch.arange(3)], { indexing: 'xy' })[0]?.shape).toEqual([3, 2]);
    expect(torch.split(torch.arange(10), 4).map((part) => part.shape[0])).toEqual([4, 4, 2]);
    expect(torch.split(torch.arange(10), [7, 3]).map((part) => part.shape[0])).toEqual([7, 3]);
    expect(torch.cartesianProd(torch.arange(2), torch.arange(2)).toArray()).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(torch.blockDiag(tensor([[1]]), tensor([[2]])).toArray()).toEqual([
      [1, 0],
      [0, 2],
    ]);
    expect(torch.atleast2d(tensor(5)).shape).toEqual([1, 1]);
    expect(torch.atleast2d(tensor(5), tensor([1])).map((part) => part.shape)).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(torch.broadcastShapes([2, 1], [1, 3], [])).toEqual([2, 3]);
    expect(() => torch.broadcastShapes([2], [3])).toThrow('got [2], [3]');
    expect(torch.broadcastTensors(torch.zeros([2, 1]), torch.zeros([3])).map((t) => t.shape)).toEqual([
      [2, 3],
      [2, 3],
    ]);
  });

  it('unravelIndex gives coordinates, also of indices beyond the ends', () => {
    const indices = tensor([[1234], [5678], [-3]], { dtype: 'int64' });
    expect(torch.unravelIndex(indices, [10, 10, 100]).map((part) => part.toArray())).toEqual([
      [[1], [5], [9]],
      [[2], [6], [9]],
      [[34], [78], [97]],
    ]);
    const [only] = torch.unravelIndex(tensor(4, { dtype: 'uint8' }), 7) as [Tensor];
    expect([only.item(), only.dtype]).toEqual([4, 'int64']);
    expect(() => torch.unravelIndex(tensor(0.5), 7)).toThrow('Expected indices of an integer dtype');
    expect(() => torch.unravelIndex(indices, [2, -1])).toThrow('got [2,-1]');
  });

  it('seed draws a seed that repeats what follows', () => {
    const drawn = torch.seed();
    const first = torch.randn([3]).toArray();
    expect(torch.initialSeed()).toBe(drawn);
    torch.manualSeed(drawn);
    expect(torch.randn([3]).toArray()).toEqual(first);
    expect(torch.seed()).not.toBe(drawn);
  });

  it('stft centres its frames, as torch.stft and not as the op', () => {
    const signal = torch.arange(64).to('float32').sin();
    const spectrum = torch.stft(signal, 16, { window: torch.hannWindow(16), returnComplex: true });
    expect(spectrum.shape).toEqual([9, 17]);
    const back = torch.istft(spectrum, 16, { window: torch.hannWindow(16) });
    assertClose(back, signal, { rtol: 1e-4, atol: 1e-5 });
  });
});
