import type { PlanInput } from '../plan-options.ts';

/** What maps and vectors are kept and multiplied in; sums, and parameters of norms, are float32. */
export type CudaDType = 'float32' | 'float16' | 'bfloat16';

/** Number of a value: the network's inputs, then what each call makes. */
export type CudaValue = number;

/** An argument: what an earlier call made, a list of such, or what the op takes as it is. */
export type CudaArg = { value: CudaValue } | { values: CudaValue[] } | { literal: unknown };

/** A call of libtorch's dispatcher. It makes one value; in-place ops give the memory of their first argument. */
export interface CudaCall {
  /** Path of the module it comes from, such as `layer1.0.conv1`. */
  name: string;
  /** As `aten::conv2d`. */
  op: string;
  overload: string;
  /** In schema order. */
  args: CudaArg[];
  output: CudaValue;
  /** Sizes of the output without the batch. */
  shape: number[];
}

/** A network as a list of calls, on whatever device the tensors in it are. */
export interface CudaPlan {
  target: 'cuda';
  dtype: CudaDType;
  inputs: PlanInput[];
  calls: CudaCall[];
  /** float32, (N, C, H, W) or (N, C), contiguous, in memory of their own. */
  outputs: { name: string; value: CudaValue }[];
}
