import { expect } from 'vitest';
import { COMPOSITIONS, runComposed } from '../../../lib/compile/cuda/compositions.ts';
import { buildCudaPlan } from '../../../lib/compile/cuda/lower.ts';
import type { CudaDType, CudaPlan } from '../../../lib/compile/cuda/plan.ts';
import { type CallRunner, Program, runCall } from '../../../lib/compile/cuda/program.ts';
import { tensorsOf } from '../../../lib/compile/plan-tensors.ts';
import type * as nn from '../../../lib/nn/index.ts';
import { noGrad, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';
import { relativeError } from '../../helpers/plans.ts';

/** Does fused ops by their composition, all else as it is: the calls of a plan on the CPU. */
export const runOnCpu: CallRunner = (call, args, index) =>
  (COMPOSITIONS.has(call.op) ? runComposed : runCall)(call, args, index);

export interface PlanSettings {
  size?: number;
  channels?: number;
  dtype?: CudaDType;
  unsupported?: 'error' | 'eager';
}

/** The plan of a model for images of `size` pixels. */
export function cudaPlan(model: nn.Module, settings: PlanSettings = {}): CudaPlan {
  const { size = 64, channels = 3, dtype = 'float32', unsupported = 'error' } = settings;
  return buildCudaPlan(model, { inputs: [[1, channels, size, size]], dtype, unsupported });
}

export function disposePlan(plan: CudaPlan): void {
  for (const tensor of tensorsOf(plan)) tensor.dispose();
}

/** How many calls of each op a plan has, but for those that only end it. */
export function countCalls({ calls }: CudaPlan): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of calls) {
    const name = op.replace(/^(aten|ibn)::/, '');
    if (name !== '_to_copy') counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

type Outputs = Record<string, Tensor>;

/** The largest relative error of any output, for 1 and for 3 images. */
export function largestError(model: nn.Module, plan: CudaPlan): number {
  const program = new Program(plan);
  return scope(() => {
    const [{ channels, height, width } = { channels: 3, height: 64, width: 64 }] = plan.inputs;
    const x = randn([3, channels, height, width]);
    const result = noGrad(() => model.forward(x)) as Tensor | Outputs;
    const wanted = (plan.outputs.length === 1 && 'numel' in result ? { output: result } : result) as Outputs;
    const errors = [x, x.narrow(0, 1, 1)].flatMap((images) => {
      const input = images.to({ dtype: plan.dtype, memoryFormat: 'channels_last' });
      const outputs = noGrad(() => program.run([input], runOnCpu));
      return plan.outputs.map(({ name }, i) => {
        const [got, all] = [outputs[i] as Tensor, wanted[name] as Tensor];
        const want = images === x ? all : all.narrow(0, 1, 1);
        expect([got.shape, got.dtype, got.isContiguous()], name).toEqual([want.shape, 'float32', true]);
        return relativeError(got, want);
      });
    });
    return Math.max(...errors);
  });
}
