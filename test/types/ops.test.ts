// The compiler is the test: a wrong type, or an error that no longer is one, fails `npm run typecheck`.
import { describe, expectTypeOf, it } from 'vitest';
import { Generator, ops, type Scalar, type Tensor, zeros } from '../../lib/tensor/index.ts';

/** Compiled, never run. */
const compiles = (_: () => void): void => {};
const { aten } = ops;

describe('types of ops', () => {
  it('name each overload', () => {
    compiles(() => {
      const x = zeros([1]);
      expectTypeOf(aten.add(x, x)).toEqualTypeOf<Tensor>();
      expectTypeOf<Parameters<typeof aten.add.Tensor>[1]>().toEqualTypeOf<Tensor | Scalar>();
      expectTypeOf<Parameters<typeof aten.fmod.Tensor>[1]>().toEqualTypeOf<Tensor>();
      expectTypeOf(aten.add.Tensor).returns.toEqualTypeOf<Tensor>();
      expectTypeOf<Parameters<typeof aten.add.Scalar>[1]>().toEqualTypeOf<Scalar>();
      expectTypeOf(aten.add.out(x, x, { out: x })).toEqualTypeOf<Tensor>();
      expectTypeOf(aten.relu.default(x)).toEqualTypeOf<Tensor>();
      // @ts-expect-error no such overload
      aten.add.Number(x, 1);
      // @ts-expect-error this overload takes tensors
      aten.fmod.Tensor(x, 1);
      // @ts-expect-error no such op
      aten.no_such_op(x);
      // @ts-expect-error methods have camelCase, ops torch's names
      aten.indexSelect(x, 0, x);
    });
  });

  it('give results by schema', () => {
    compiles(() => {
      const x = zeros([1]);
      expectTypeOf(aten.max.dim(x, 0)).toExtend<[Tensor, Tensor]>();
      expectTypeOf(aten.max.dim(x, 0).values).toExtend<Tensor>();
      expectTypeOf(aten.histogram(x).bin_edges).toExtend<Tensor>();
      expectTypeOf(aten.split.Tensor(x, 2)).toEqualTypeOf<Tensor[]>();
      expectTypeOf(aten.equal(x, x)).toEqualTypeOf<boolean>();
      expectTypeOf(aten.allclose(x, x)).toEqualTypeOf<boolean>();
      expectTypeOf(aten.q_scale(x)).toEqualTypeOf<number>();
      expectTypeOf(aten._foreach_add_.Scalar([x], 1)).toEqualTypeOf<void>();
    });
  });

  it('take defaults by position or keyword', () => {
    compiles(() => {
      const [x, w] = [zeros([1]), zeros([1])];
      aten.conv2d(x, w);
      aten.conv2d(x, w, null, [1, 1], 1);
      aten.conv2d(x, w, { stride: 2, padding: [1, 1], groups: 1 });
      aten.conv2d(x, w, { padding: 'same' });
      aten.zeros([2, 2n], { dtype: 'int64', device: 'cpu', layout: 'strided', pin_memory: false });
      aten.rand.generator([2], { generator: new Generator() });
      aten.sum(x, [0], true, { dtype: 'float64' });
      // @ts-expect-error no such keyword
      aten.conv2d(x, w, { strides: 2 });
      // @ts-expect-error a keyword of another type
      aten.conv2d(x, w, { stride: 'two' });
      // @ts-expect-error no such dtype
      aten.zeros([2], { dtype: 'float' });
      // @ts-expect-error the weight is missing
      aten.conv2d(x);
      // @ts-expect-error keywords only
      aten.add.Tensor(x, w, 2);
    });
  });

  it('leave other namespaces untyped', () => {
    compiles(() => {
      expectTypeOf(ops.quantized?.add).returns.toEqualTypeOf<unknown>();
      expectTypeOf(ops.loadLibrary).parameters.toEqualTypeOf<[path: string]>();
    });
  });
});
