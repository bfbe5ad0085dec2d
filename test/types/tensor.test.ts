// The compiler is the test: a wrong type, or an error that no longer is one, fails `npm run typecheck`.
import { describe, expectTypeOf, it } from 'vitest';
import {
  arange,
  type Complex,
  type DType,
  type Element,
  fromBuffer,
  type Index,
  keep,
  type NestedArray,
  noGrad,
  scope,
  slice,
  Tensor,
  type TypedArray,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';

/** Compiled, never run. */
const compiles = (_: () => void): void => {};

describe('types of tensors', () => {
  it('describe what is made and read', () => {
    compiles(() => {
      const x = tensor([[1, 2]], { dtype: 'float64', device: 'cuda:1', requiresGrad: true });
      expectTypeOf(x).toEqualTypeOf<Tensor>();
      expectTypeOf(x.shape).toEqualTypeOf<number[]>();
      expectTypeOf(x.dtype).toEqualTypeOf<DType>();
      expectTypeOf(x.size()).toEqualTypeOf<number[]>();
      expectTypeOf(x.size(0)).toEqualTypeOf<number>();
      expectTypeOf(x.item()).toEqualTypeOf<number>();
      expectTypeOf(x.item<boolean>()).toEqualTypeOf<boolean>();
      expectTypeOf<Element>().toEqualTypeOf<number | bigint | boolean | Complex>();
      expectTypeOf(x.toArray()).toEqualTypeOf<NestedArray>();
      expectTypeOf(x.toArray<number[][]>()).toEqualTypeOf<number[][]>();
      const rows: number[][] = x.toArray();
      expectTypeOf(rows[0]).toEqualTypeOf<number[] | undefined>();
      // @ts-expect-error no element is a text
      x.item<string>();
      expectTypeOf(x.data()).toEqualTypeOf<TypedArray>();
      expectTypeOf(x.grad).toEqualTypeOf<Tensor | null>();
      expectTypeOf(x.gradFn).toEqualTypeOf<string | null>();
      expectTypeOf(x.requiresGrad_()).toEqualTypeOf<Tensor>();
      expectTypeOf(fromBuffer(new Float32Array(2))).toEqualTypeOf<Tensor>();
      expectTypeOf(
        fromBuffer(Buffer.alloc(2), { dtype: 'bfloat16', shape: [1], offset: 0 }),
      ).toEqualTypeOf<Tensor>();
    });
  });

  it('take nested arrays, typed arrays and tensors only', () => {
    compiles(() => {
      tensor(3);
      tensor([true, [1n]]);
      tensor(new BigInt64Array(2));
      tensor(tensor(1));
      // @ts-expect-error strings are no elements
      tensor(['a']);
      // @ts-expect-error null is no element
      tensor([null]);
      // @ts-expect-error no such dtype
      tensor([1], { dtype: 'float31' });
      // @ts-expect-error torch's spelling is not ours
      zeros([1], { requires_grad: true });
      // @ts-expect-error a size is an array
      zeros(3);
      // @ts-expect-error strings are no end
      arange('3');
    });
  });

  it('give methods torch arguments in camelCase', () => {
    compiles(() => {
      const x = zeros([2, 3]);
      expectTypeOf(x.add(1)).toEqualTypeOf<Tensor>();
      expectTypeOf(x.add(x, { alpha: 2 })).toEqualTypeOf<Tensor>();
      expectTypeOf(x.add_(1)).toEqualTypeOf<Tensor>();
      expectTypeOf(x.sum([0], { keepdim: true, dtype: 'int64' })).toEqualTypeOf<Tensor>();
      expectTypeOf(x.indexSelect(0, x)).toEqualTypeOf<Tensor>();
      expectTypeOf(x.topk(2, 1)).toExtend<[Tensor, Tensor]>();
      expectTypeOf(x.topk(2, 1).indices).toExtend<Tensor>();
      expectTypeOf(x.max()).toEqualTypeOf<Tensor>();
      expectTypeOf(x.max(1)).toExtend<[Tensor, Tensor]>();
      expectTypeOf(x.max(1).values.sum()).toExtend<Tensor>();
      expectTypeOf(x.split(2)).toEqualTypeOf<Tensor[]>();
      expectTypeOf(x.equal(x)).toEqualTypeOf<boolean>();
      expectTypeOf(x.div(2, { roundingMode: 'floor' })).toEqualTypeOf<Tensor>();
      // @ts-expect-error snake_case is for ops.aten
      x.index_select(0, x);
      // @ts-expect-error no such option
      x.sum([0], { keep_dim: true });
      // @ts-expect-error an index is a tensor
      x.indexSelect(0, [1]);
      // @ts-expect-error strings cannot be added
      x.add('1');
      // @ts-expect-error no such method
      x.noSuchMethod();
    });
  });

  it('convert to dtypes, devices and memory formats', () => {
    compiles(() => {
      const x = zeros([1]);
      expectTypeOf(x.to('float16')).toEqualTypeOf<Tensor>();
      x.to('cuda:0');
      x.to({ dtype: 'int8', memoryFormat: 'channels_last', nonBlocking: true, copy: false });
      x.to(x);
      // @ts-expect-error no such memory format
      x.to({ memoryFormat: 'nhwc' });
      // @ts-expect-error no such option
      x.to({ dType: 'int8' });
      // @ts-expect-error a number is no target
      x.to(3);
    });
  });

  it('index by what Python indexes by', () => {
    compiles(() => {
      const x = zeros([2, 3]);
      expectTypeOf(x.index(0, ':', '...', null, slice(1, 2), [0, 1], true, x)).toEqualTypeOf<Tensor>();
      expectTypeOf(x.setIndex([0], 5)).toEqualTypeOf<Tensor>();
      expectTypeOf<Index>().extract<string>().toEqualTypeOf<':' | '...'>();
      // @ts-expect-error no such text
      x.index('1:2');
      // @ts-expect-error undefined is no index
      x.index(undefined);
    });
  });

  it('pass through scopes and modes', () => {
    compiles(() => {
      expectTypeOf(scope(() => zeros([1]))).toEqualTypeOf<Tensor>();
      expectTypeOf(scope(() => [zeros([1]), 3] as const)).toEqualTypeOf<readonly [Tensor, 3]>();
      expectTypeOf(noGrad(() => 'x' as const)).toEqualTypeOf<'x'>();
      expectTypeOf(keep(zeros([1]))).toEqualTypeOf<Tensor>();
      using x = zeros([1]);
      expectTypeOf(x).toExtend<Disposable>();
      x.backward(null, { retainGraph: true, createGraph: false, inputs: [x] });
      // @ts-expect-error torch's spelling is not ours
      x.backward(null, { retain_graph: true });
      // @ts-expect-error shapes are read-only
      x.shape = [1];
      expectTypeOf(Tensor.prototype.dispose).returns.toEqualTypeOf<void>();
    });
  });
});
