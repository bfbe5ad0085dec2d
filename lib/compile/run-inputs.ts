import { type Device, type DType, isTensor, type Tensor } from '../tensor/index.ts';
import type { Plan } from './cpu/plan.ts';
import type { PlanDType, PlanInput } from './plan-options.ts';

/** What a step of a plan must do at least. */
export interface StepCost {
  /** Multiplications and additions of a convolution or linear layer, for each image. */
  readonly flops: number;
  /** Bytes of the values that it reads and writes, for each image. */
  readonly bytes: number;
  /** Bytes of its weights as kernels read them. */
  readonly weightBytes: number;
}

/** What a network may give: one tensor, a list, or tensors by name (those of nested objects joined by dots). */
export type Outputs = Tensor | Tensor[] | Record<string, Tensor>;

/** What is known of a compiled model in every thread that has it. */
export interface ModelDescription {
  readonly inputs: readonly PlanInput[];
  /** Names of the outputs. */
  readonly outputs: readonly string[];
  /** The only batch size that is taken, or null. */
  readonly batch: number | null;
  readonly explanation: string;
  /** Of models on the CPU. */
  readonly cpu?: { readonly dtype: PlanDType; readonly costs: readonly StepCost[] };
  /** Where it runs, and the dtype it takes besides float32; only of models on CUDA. */
  readonly cuda?: { readonly device: Device; readonly dtype: DType };
}

/** The description of a plan for the CPU. */
export function describeModel(
  plan: Pick<Plan, 'inputs' | 'outputs' | 'dtype'>,
  batch: number | null,
  explanation: string,
  costs: readonly StepCost[],
): ModelDescription {
  const outputs = plan.outputs.map(({ name }) => name);
  return { inputs: plan.inputs, outputs, batch, explanation, cpu: { dtype: plan.dtype, costs } };
}

/**
 * The inputs of a run as a list.
 *
 * @throws TypeError, RangeError where they are not what the model takes.
 */
export function checkInputs(x: unknown, description: ModelDescription): Tensor[] {
  const given: unknown[] = Array.isArray(x) ? x : [x];
  const { inputs } = description;
  if (given.length !== inputs.length) {
    throw new RangeError(`Expected ${count(inputs.length)} for run, got ${count(given.length)}`);
  }
  const tensors = given.map((value, i) => checkInput(value, i, description));
  const [first] = tensors as [Tensor];
  const other = tensors.find((tensor) => tensor.shape[0] !== first.shape[0]);
  if (other === undefined) return tensors;
  throw new RangeError(
    `Expected one batch size for the inputs of run, got ${first.shape[0]} and ${other.shape[0]}`,
  );
}

const count = (n: number) => (n === 1 ? '1 input' : `${n} inputs`);

function checkInput(value: unknown, index: number, description: ModelDescription): Tensor {
  const name = description.inputs.length === 1 ? 'run' : `run input ${index}`;
  if (!isTensor(value)) {
    throw new TypeError(`Expected a Tensor for ${name}, got ${value === null ? 'null' : typeof value}`);
  }
  checkDevice(value, name, description);
  checkDType(value, name, description);
  checkShape(value.shape, name, description, index);
  return value;
}

function checkDevice({ device }: Tensor, name: string, { cuda }: ModelDescription): void {
  if (device === 'cpu' || device === cuda?.device) return;
  if (cuda === undefined) {
    throw new RangeError(
      `Expected a Tensor on the CPU for ${name}, got one on ${device}; call x.cpu() first`,
    );
  }
  throw new RangeError(
    `Expected a Tensor on the CPU or ${cuda.device} for ${name}, got one on ${device}; call ` +
      `x.to('${cuda.device}') first`,
  );
}

function checkDType({ dtype, layout }: Tensor, name: string, { cuda }: ModelDescription): void {
  const known = [...new Set<DType>(['float32', cuda?.dtype ?? 'float32'])];
  if (known.includes(dtype) && layout === 'strided') return;
  const got = layout === 'strided' ? dtype : layout;
  throw new TypeError(
    `Expected a ${known.join(' or ')} Tensor for ${name}, got ${got}; call x.to('float32') first`,
  );
}

function checkShape(shape: number[], name: string, { inputs, batch }: ModelDescription, index: number): void {
  const { channels, height, width } = inputs[index] as PlanInput;
  const fits =
    shape.length === 4 &&
    shape[1] === channels &&
    shape[2] === height &&
    shape[3] === width &&
    (batch === null || shape[0] === batch);
  if (fits) return;
  const expected = [batch ?? 'N', channels, height, width].join(', ');
  throw new RangeError(
    `Expected shape [${expected}] for ${name}, got [${shape.join(', ')}]; ${adviceFor(shape)}`,
  );
}

function adviceFor(shape: readonly number[]): string {
  return shape.length === 3
    ? 'a network takes batches: give one image as x.unsqueeze(0), (1, C, H, W)'
    : 'compile the model for that size, or resize the images';
}

/** Outputs as the network gives them: a lone tensor is named `output`, the items of a list `0`, `1`, .... */
export function nameOutputs(tensors: Tensor[], names: readonly string[]): Outputs {
  if (names.length === 1 && names[0] === 'output') return tensors[0] as Tensor;
  if (names.every((name, i) => name === String(i))) return tensors;
  return Object.fromEntries(names.map((name, i) => [name, tensors[i] as Tensor]));
}
