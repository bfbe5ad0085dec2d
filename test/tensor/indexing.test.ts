import { describe, expect, it } from 'vitest';
import { arange, type Index, ops, scope, slice, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { expectClose, fixture, message, type Numbers, toTensor, withScope } from '../helpers/index.ts';

type EncodedIndex =
  | null
  | number
  | boolean
  | '...'
  | number[]
  | { slice: [number | null, number | null, number | null] }
  | { tensor: Numbers };
interface ReadCase {
  index: EncodedIndex[];
  result: Numbers;
  stride: number[];
}
interface WriteCase {
  index: EncodedIndex[];
  value: number | { tensor: Numbers };
  result: Numbers;
}
const { read, write } = fixture<{ read: ReadCase[]; write: WriteCase[] }>('tensor/indexing.json');

function decode(index: EncodedIndex): Index {
  if (typeof index !== 'object' || index === null || Array.isArray(index)) return index;
  if ('tensor' in index) return toTensor(index.tensor);
  const [start, stop, step] = index.slice;
  return start === null && stop === null && step === null ? ':' : slice(start, stop, step ?? 1);
}

const base = () => arange(24, { dtype: 'float32' }).reshape([2, 3, 4]);
const text = (index: EncodedIndex[]) =>
  index
    .map((item) => (typeof item === 'object' && item !== null ? JSON.stringify(item) : String(item)))
    .join(', ')
    .slice(0, 60);
const named = <T extends { index: EncodedIndex[] }>(cases: T[]) =>
  cases.map((item, i) => ({ ...item, name: `${i}: [${text(item.index)}]` }));

const pick = (...index: unknown[]) => base().index(...(index as Index[]));

describe('indexing reads as in PyTorch', () => {
  it.each(named(read))('$name', ({ index, result, stride }) => {
    scope(() => {
      const x = base();
      const part = x.index(...index.map(decode));
      expectClose(part, result);
      const isView = part.untypedStorage().dataPtr() === x.untypedStorage().dataPtr();
      const gathers = index.some((item) => Array.isArray(item) || item === true || item === false);
      const byTensor = index.some(
        (item) =>
          typeof item === 'object' && item !== null && 'tensor' in item && item.tensor.shape.length > 0,
      );
      expect(isView).toBe(!gathers && !byTensor);
      if (isView) expect(part.stride()).toEqual(stride);
    });
  });

  it(
    'views write through',
    withScope(() => {
      const x = base();
      x.index(0, ':', slice(1, 3)).fill_(-1);
      expect(x.index(0, 0).toArray()).toEqual([0, -1, -1, 3]);
    }),
  );

  it(
    'records for autograd',
    withScope(() => {
      const x = tensor([1, 2, 3], { requiresGrad: true });
      x.index([2, 2]).sum().backward();
      expect(x.grad?.toArray()).toEqual([0, 0, 2]);
    }),
  );
});

describe('indexing writes as in PyTorch', () => {
  it.each(named(write))('$name', ({ index, value, result }) => {
    scope(() => {
      const x = base();
      const given = typeof value === 'object' ? toTensor(value.tensor) : value;
      expect(x.setIndex(index.map(decode), given)).toBe(x);
      expectClose(x, result);
    });
  });

  it(
    'into other dtypes',
    withScope(() => {
      const x = arange(3);
      expect(x.setIndex([0], 2.9).toArray()).toEqual([2, 1, 2]);
      expect(x.setIndex([slice(1)], tensor([7, 8])).toArray()).toEqual([2, 7, 8]);
      expect(x.setIndex([[0, 1]], true).toArray()).toEqual([1, 1, 8]);
      expect(
        x
          .setIndex([-1], 2n ** 60n)
          .index(2)
          .item(),
      ).toBe(2n ** 60n);
    }),
  );
});

describe('wrong indices', () => {
  it(
    'are refused with their range',
    withScope(() => {
      expect(message(() => pick(2))).toMatchInlineSnapshot(
        `"RangeError: Expected an index from -2 to 1 for dimension 0, got 2"`,
      );
      expect(message(() => pick(0, -4))).toMatchInlineSnapshot(
        `"RangeError: Expected an index from -3 to 2 for dimension 1, got -4"`,
      );
      expect(message(() => pick(0, 0, 0, 0))).toMatchInlineSnapshot(
        `"RangeError: Expected at most 3 indices for a tensor of 3 dimensions, got 4"`,
      );
      expect(pick('...', '...').shape).toEqual([2, 3, 4]);
      expect(message(() => pick(':', '...', '...', 0))).toContain('RangeError: Expected a dimension');
      expect(message(() => pick(0.5))).toMatchInlineSnapshot(
        `"RangeError: Expected an index from -2 to 1 for dimension 0, got 0.5"`,
      );
      expect(message(() => pick('1'))).toMatchInlineSnapshot(
        `"TypeError: Expected an integer, slice(), ':', '...', null, boolean, Tensor or array of integers or booleans as index, got a string"`,
      );
      expect(message(() => pick({ start: 1 }))).toMatchInlineSnapshot(
        `"TypeError: Expected an integer, slice(), ':', '...', null, boolean, Tensor or array of integers or booleans as index, got an object of class Object"`,
      );
      expect(message(() => pick([0.5]))).toMatchInlineSnapshot(
        `"TypeError: Expected integers in an index array, got 0.5"`,
      );
      expect(message(() => pick([5]))).toMatchInlineSnapshot(
        `"TorchError: aten::index.Tensor: index 5 is out of bounds for dimension 0 with size 2"`,
      );
      expect(message(() => pick(tensor([0])))).toMatchInlineSnapshot(
        `"TorchError: aten::index.Tensor: tensors used as indices must be long, int, byte or bool tensors"`,
      );
      expect(message(() => pick(tensor([true, false, true])))).toMatchInlineSnapshot(
        `"TorchError: aten::index.Tensor: The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3, 4] at index 0"`,
      );
      expect(message(() => slice(0, 3, 0))).toMatchInlineSnapshot(
        `"RangeError: Expected a step of at least 1 for slice, got 0"`,
      );
      expect(message(() => slice(0, 3, -1))).toContain('RangeError');
      expect(message(() => base().setIndex([0], tensor([1, 2])))).toMatchInlineSnapshot(
        `"TorchError: aten::expand: The expanded size of the tensor (4) must match the existing size (2) at non-singleton dimension 1.  Target sizes: [3, 4].  Tensor sizes: [2]"`,
      );
    }),
  );

  it(
    'of a scalar',
    withScope(() => {
      expect(message(() => tensor(1).index(0))).toMatchInlineSnapshot(
        `"RangeError: Expected at most 0 indices for a tensor of 0 dimensions, got 1"`,
      );
      expect(tensor(1).index().toArray()).toBe(1);
      expect(tensor(1).index(null, '...').shape).toEqual([1]);
      expect(tensor(1).index(true).toArray()).toEqual([1]);
    }),
  );
});

describe('views and strides', () => {
  it(
    'share memory and keep their strides',
    withScope(() => {
      const x = base();
      const facts = (view: Tensor) => [view.shape, view.stride(), view.storageOffset(), view.isContiguous()];
      expect(facts(x)).toEqual([[2, 3, 4], [12, 4, 1], 0, true]);
      expect(facts(x.transpose(0, 2))).toEqual([[4, 3, 2], [1, 4, 12], 0, false]);
      expect(facts(x.narrow(2, 1, 2))).toEqual([[2, 3, 2], [12, 4, 1], 1, false]);
      expect(facts(x.view([6, 4]).t())).toEqual([[4, 6], [1, 4], 0, false]);
      expect(facts(x.permute([2, 0, 1]))).toEqual([[4, 2, 3], [1, 12, 4], 0, false]);
      expect(facts(x.select(1, 2))).toEqual([[2, 4], [12, 1], 8, false]);
      expect(facts(x.unsqueeze(1).expand([2, 5, 3, 4]))).toEqual([[2, 5, 3, 4], [12, 0, 4, 1], 0, false]);
      expect(facts(x.asStrided([2, 2], [1, 2], 3))).toEqual([[2, 2], [1, 2], 3, false]);
      expect(facts(x.flatten(1))).toEqual([[2, 12], [12, 1], 0, true]);
      expect(x.t === undefined).toBe(false);
      expect(x.diagonal(0, 1, 2).shape).toEqual([2, 3]);
      expect(x.unfold(2, 2, 1).shape).toEqual([2, 3, 3, 2]);
      expect(x.unbind().map((part) => part.storageOffset())).toEqual([0, 12]);
    }),
  );

  it(
    'see each other change, and a clone does not',
    withScope(() => {
      const x = base();
      const view = x.select(0, 1).t();
      const copy = view.clone();
      x.zero_();
      expect([view.sum().item(), copy.sum().item()]).toEqual([0, 210]);
      view.add_(1);
      expect(x.sum().item()).toBe(12);
    }),
  );

  it(
    'size() knows negative dimensions',
    withScope(() => {
      const x = base();
      expect([x.size(), x.size(-1), x.size(0), x.dim(), x.ndim, x.numel(), x.itemsize]).toEqual([
        [2, 3, 4],
        4,
        2,
        3,
        3,
        24,
        4,
      ]);
      expect(message(() => x.size(3))).toMatchInlineSnapshot(
        `"RangeError: Expected a dimension from -3 to 2 for size, got 3"`,
      );
    }),
  );

  it(
    'reinterpret bits as another dtype',
    withScope(() => {
      expect(tensor([1]).view('int32').item()).toBe(0x3f800000);
      expect(ops.aten.view.dtype(tensor([1, 2]), 'complex64').shape).toEqual([1]);
      expect(message(() => tensor([1, 2, 3]).view('float64'))).toMatchInlineSnapshot(
        `"TorchError: aten::view.dtype: self.size(-1) must be divisible by 2 to view Float as Double (different element sizes), but got 3"`,
      );
    }),
  );
});
