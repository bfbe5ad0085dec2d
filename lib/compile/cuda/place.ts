import { type Device, isTensor, keep, type Tensor } from '../../tensor/index.ts';
import { tensorsOf } from '../plan-tensors.ts';
import type { CudaArg, CudaPlan } from './plan.ts';

/** Weights of convolutions lie as the maps do. */
function move(tensor: Tensor, device: Device): Tensor {
  return keep(tensor.to({ device, ...(tensor.dim() === 4 ? { memoryFormat: 'channels_last' } : {}) }));
}

/**
 * The same plan with its tensors on `device`. Those of the given plan are disposed, also when there is no room for
 * all.
 */
export function placePlan(plan: CudaPlan, device: Device): CudaPlan {
  const moved: Tensor[] = [];
  const placeArg = (arg: CudaArg): CudaArg => {
    if (!('literal' in arg) || !isTensor(arg.literal)) return arg;
    const tensor = move(arg.literal, device);
    moved.push(tensor);
    return { literal: tensor };
  };
  try {
    return { ...plan, calls: plan.calls.map((call) => ({ ...call, args: call.args.map(placeArg) })) };
  } catch (error) {
    for (const tensor of moved) tensor.dispose();
    throw error;
  } finally {
    for (const tensor of tensorsOf(plan)) tensor.dispose();
  }
}

/** Bytes of the plan's tensors. */
export function weightBytes(plan: CudaPlan): number {
  return tensorsOf(plan).reduce((sum, tensor) => sum + tensor.numel() * tensor.itemsize, 0);
}
