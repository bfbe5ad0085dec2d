import { describe, expect, it } from 'vitest';
import { runComposed } from '../../../lib/compile/cuda/compositions.ts';
import type { CudaCall } from '../../../lib/compile/cuda/plan.ts';
import type { CallRunner } from '../../../lib/compile/cuda/program.ts';
import { Tuner } from '../../../lib/compile/cuda/tune.ts';
import { CudaOutOfMemoryError, TorchError } from '../../../lib/errors.ts';
import { ops, randn, scope, type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { CpuRuntime } from './cpu-runtime.ts';

const CALL: CudaCall = {
  name: 'conv',
  op: 'aten::cudnn_convolution_relu',
  overload: '',
  args: [],
  output: 1,
  shape: [4, 6, 6],
};

interface Setting {
  fused: CallRunner;
  timed?: boolean;
  milliseconds?: [fused: number, composed: number];
  allowed?: boolean;
}

/** What is decided on a convolution whose fused op is `fused`, and how often that was called. */
function decide({ fused, timed = false, milliseconds = [1, 1], allowed = true }: Setting) {
  return scope(() => {
    const runtime = new CpuRuntime();
    runtime.fused = allowed;
    const times = [...milliseconds];
    runtime.measure = () => times.shift() as number;
    let calls = 0;
    const counted: CallRunner = (call, args, index) => {
      calls++;
      return fused(call, args, index);
    };
    const tuner = new Tuner(runtime, runtime.callersStream(), 'float32', timed, counted);
    const args = [randn([2, 3, 8, 8]), randn([4, 3, 3, 3]), randn([4]), [1, 1], [0, 0], [1, 1], 1];
    const wanted = runComposed(CALL, args, 0);
    for (const index of [0, 5]) {
      const got = tuner.trial(CALL, args, index);
      expect(got.sub(wanted).abs().max().item()).toBeLessThan(1e-5);
    }
    return { reasons: [...tuner.composed], calls };
  });
}

const both = (reason: string) => [
  [0, reason],
  [5, reason],
];

describe('fused convolutions', () => {
  it('are taken where they give what their composition gives', () => {
    expect(decide({ fused: runComposed })).toEqual({ reasons: [], calls: 3 });
  });

  it('are left where cuDNN has no engine', () => {
    const fused = () => {
      throw new TorchError('GET was unable to find an engine to execute this computation');
    };
    expect(decide({ fused })).toEqual({ reasons: both('no engine'), calls: 1 });
  });

  it('are left where their result is another, or reads memory that nothing wrote', () => {
    const doubled: CallRunner = (...call) => runComposed(...call).mul_(2);
    expect(decide({ fused: doubled }).reasons).toEqual(both('other result'));
    const reading: CallRunner = (...call) => runComposed(...call).add_(zeros([1]).fill_(Number.NaN));
    expect(decide({ fused: reading }).reasons).toEqual(both('other result'));
  });

  it('are left where they are slower, if that is asked', () => {
    const slower = { fused: runComposed, milliseconds: [2, 1] as [number, number] };
    expect(decide({ ...slower, timed: true }).reasons).toEqual(both('slower'));
    expect(decide(slower).reasons).toEqual([]);
    expect(decide({ ...slower, timed: true, milliseconds: [1, 2] }).reasons).toEqual([]);
  });

  it('are left where the settings of libtorch ask for what they cannot do', () => {
    expect(decide({ fused: runComposed, allowed: false })).toEqual({ reasons: both('setting'), calls: 0 });
  });

  it('do not hide that memory has run out, or a fault of our own', () => {
    for (const error of [new CudaOutOfMemoryError('CUDA out of memory'), new TypeError('a fault')]) {
      const fused = () => {
        throw error;
      };
      expect(() => decide({ fused })).toThrow(error);
    }
  });
});

describe('the fused norm', () => {
  const norm = (...args: unknown[]) =>
    scope(() => runComposed({ ...CALL, op: 'ibn::instance_batch_norm' }, args, 0));

  it('is composed of what the layers do', () => {
    const [x, residual] = [randn([2, 6, 5, 5]), randn([2, 6, 5, 5])];
    const vectors = [randn([2]), randn([2]), randn([4]), randn([4]), randn([4]), randn([4]).abs_()];
    const got = norm(x, residual, 1, 3, ...vectors, 1e-5, 1e-3, true);
    const want = (
      ops.ibn as unknown as { instance_batch_norm: (...args: unknown[]) => Tensor }
    ).instance_batch_norm(...[x, residual, 1, 3, ...vectors, 1e-5, 1e-3, true]);
    expect(got.sub(want).abs().max().item()).toBeLessThan(1e-5);
    for (const tensor of [x, residual, ...vectors, got, want]) tensor.dispose();
  });

  it('leaves channels as they are that have no statistics', () => {
    const x = randn([2, 6, 5, 5]);
    const y = norm(x, null, 2, 4, null, null, null, null, null, null, 1e-5, 0, false);
    scope(() => {
      for (const from of [0, 4])
        expect(
          y
            .narrow(1, from, 2)
            .sub(x.narrow(1, from, 2))
            .abs()
            .max()
            .item(),
        ).toBe(0);
      expect(y.narrow(1, 2, 2).mean([2, 3]).abs().max().item()).toBeLessThan(1e-5);
    });
    for (const tensor of [x, y]) tensor.dispose();
  });
});
