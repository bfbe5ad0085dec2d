import { isTensor, type Tensor } from '../../tensor/index.ts';
import { replaceTensors } from '../plan-tensors.ts';
import type { StepCost } from '../run-inputs.ts';
import type { ConvStep, Int8ConvStep, Plan, PlanBuffer, PlanStep, PlanValue, ValueId } from './plan.ts';
import { accesses, bufferBytes } from './plan-memory.ts';

export const isConvolution = (step: PlanStep): step is ConvStep | Int8ConvStep =>
  step.op === 'conv' || step.op === 'int8Conv';

const bufferAt = (plan: Plan, id: ValueId): PlanBuffer =>
  plan.buffers[(plan.values[id] as PlanValue).buffer] as PlanBuffer;

/** Multiply-accumulates of one image. */
export function macsOf(plan: Plan, step: PlanStep): number {
  if (step.op === 'linear' || step.op === 'int8Linear') return step.weight.numel();
  if (!isConvolution(step)) return 0;
  const { height, width } = bufferAt(plan, step.output);
  return step.weight.numel() * height * width;
}

/** Bytes of a value, for one image. */
function valueBytes(plan: Plan, id: ValueId): number {
  const { channels } = plan.values[id] as PlanValue;
  return bufferBytes({ ...bufferAt(plan, id), channels }, plan.dtype);
}

/** Bytes of the network's inputs that a step reads itself. */
function inputBytes(plan: Plan, step: PlanStep): number {
  if (!('input' in step) || typeof step.input !== 'object') return 0;
  const input = plan.inputs[step.input.input];
  return input === undefined ? 0 : input.channels * input.height * input.width * 4;
}

/** Packed weights of a convolution have the dtype of the maps. */
function weightBytes(plan: Plan, step: PlanStep): number {
  const found = new Set<Tensor>();
  replaceTensors(step, (tensor) => found.add(tensor));
  const packed =
    step.op === 'conv' && plan.dtype === 'bfloat16' && isTensor(step.weight) ? step.weight : undefined;
  return [...found].reduce(
    (sum, tensor) => sum + tensor.numel() * (tensor === packed ? 2 : tensor.itemsize),
    0,
  );
}

/** What each step must do at least; known before the plan's tensors are let go. */
export function stepCosts(plan: Plan): StepCost[] {
  return plan.steps.map((step) => {
    const { reads, writes } = accesses(step);
    const values = [...new Set(reads), ...new Set(writes)];
    const bytes = values.reduce((sum, id) => sum + valueBytes(plan, id), inputBytes(plan, step));
    return { flops: 2 * macsOf(plan, step), bytes, weightBytes: weightBytes(plan, step) };
  });
}
