import { describe, expectTypeOf, it } from 'vitest';
import {
  autocast,
  backends,
  cuda,
  GradScaler,
  nn,
  type Tensor,
  type TypedArray,
  zeros,
} from '../../lib/index.ts';

/** Compiled and never run. */
function compiles(_body: () => void): void {}

describe('types of the cuda and amp layers', () => {
  it('pass results through regions', () => {
    compiles(() => {
      expectTypeOf(autocast('cuda', () => zeros([1]))).toEqualTypeOf<Tensor>();
      expectTypeOf(autocast('cpu', { dtype: 'bfloat16' }, () => 'x' as const)).toEqualTypeOf<'x'>();
      expectTypeOf(cuda.device(1, () => 5)).toEqualTypeOf<number>();
      expectTypeOf(
        cuda.withStream(new cuda.Stream({ priority: -1 }), () => zeros([1])),
      ).toEqualTypeOf<Tensor>();
      // @ts-expect-error float32 is no dtype of autocast
      autocast('cpu', { dtype: 'float32' }, () => 1);
      // @ts-expect-error a function is needed
      autocast('cpu', {});
    });
  });

  it('scale losses in the form they are given', () => {
    compiles(() => {
      const scaler = new GradScaler('cpu', { initScale: 2 });
      expectTypeOf(scaler.scale(zeros([]))).toEqualTypeOf<Tensor>();
      expectTypeOf(scaler.scale([zeros([]), zeros([])])).toEqualTypeOf<Tensor[]>();
      // @ts-expect-error torch's spelling is not ours
      new GradScaler('cpu', { init_scale: 2 });
    });
  });

  it('know copies that come later, and settings', () => {
    compiles(() => {
      expectTypeOf(zeros([1]).cpuAsync()).toEqualTypeOf<Promise<Tensor>>();
      expectTypeOf(zeros([1]).dataAsync()).toEqualTypeOf<Promise<TypedArray>>();
      zeros([1]).cuda(1, { nonBlocking: true, memoryFormat: 'channels_last' });
      new nn.Linear(1, 1).to({ device: 'cuda', nonBlocking: true });
      backends.cudnn.benchmark = true;
      // @ts-expect-error a boolean
      backends.cuda.matmul.allowTF32 = 1;
      expectTypeOf(cuda.getDeviceProperties().name).toEqualTypeOf<string>();
      expectTypeOf(cuda.memGetInfo()).toEqualTypeOf<[number, number]>();
    });
  });
});
