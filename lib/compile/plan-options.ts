import type { UnsupportedMode } from './graph/from-trace.ts';
import type { Shape } from './graph/graph.ts';

/** What maps are computed and kept in; vectors, statistics and scales are float32 always. */
export type PlanDType = 'float32' | 'bfloat16';

/** Sizes of an input without the batch. */
export interface PlanInput {
  channels: number;
  height: number;
  width: number;
}

/** Options of `buildPlan`. */
export interface BuildPlanOptions {
  /** Shapes of the inputs, (N, C, H, W) each; a plan serves every N. */
  inputs: readonly (readonly number[])[];
  /** What maps are kept in. Default float32. */
  dtype?: PlanDType;
  /**
   * Give the plan weights of its own, norms folded in. Default true; false: its weights may be the network's, which must not
   * change until an engine has packed them.
   */
  ownWeights?: boolean;
  /** For ops without a kernel: an error (default), or a step that libtorch runs. */
  unsupported?: UnsupportedMode;
}

function checkInputs(inputs: unknown): void {
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.length === 4 && shape.every((size) => Number.isInteger(size) && size > 0);
  if (Array.isArray(inputs) && inputs.length > 0 && inputs.every(isShape)) return;
  const got = Array.isArray(inputs) ? JSON.stringify(inputs) : typeof inputs;
  throw new RangeError(
    `Expected shapes [N, C, H, W] for compile inputs, such as [[1, 3, 224, 224]], got ${got}`,
  );
}

/** @throws RangeError unless it is one of those known. */
export function checkChoice(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  const names = known.map((item) => `"${item}"`).join(' or ');
  throw new RangeError(`Expected ${names} for compile ${name}, got "${value}"`);
}

/** @throws RangeError on wrong values of what plans for every device take. */
export function checkPlanOptions({
  inputs,
  unsupported,
}: Required<Pick<BuildPlanOptions, 'inputs' | 'unsupported'>>): void {
  checkInputs(inputs);
  checkChoice('unsupported', unsupported, ['error', 'eager']);
}

/** Channels, height and width of a shape without the batch. */
export function sizesOf(shape: Shape): PlanInput {
  const [channels, height = 1, width = 1] = shape;
  return { channels, height, width };
}
