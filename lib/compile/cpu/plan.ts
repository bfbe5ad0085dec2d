import type { Tensor } from '../../tensor/index.ts';
import type { Combine, ElementFunction, Quantized } from '../graph/graph.ts';
import type { PlanDType, PlanInput } from '../plan-options.ts';

/** What elements of bytes stand for. */
export type PlanQuantization = Quantized;

/**
 * Memory in the arena, for one image. A batch of `n` images has the buffer at `n * offset`, so that one plan serves
 * every batch size.
 */
export interface PlanBuffer {
  /**
   * `map`: `height * width` pixels of `channels` elements. `vector`: `channels` numbers of float32. `indices`: an int64 for each
   * pixel.
   */
  kind: 'map' | 'vector' | 'indices';
  channels: number;
  height: number;
  width: number;
  /** Bytes from the arena's start, a multiple of 64. */
  offset: number;
  /** Of a map whose elements are bytes, which only `int8Conv` reads and writes. */
  quantization?: PlanQuantization;
}

/** A range of a buffer's channels: maps are (N, H, W, C) in memory, vectors (N, C). */
export interface PlanValue {
  buffer: number;
  /** First channel. */
  from: number;
  channels: number;
}

/** Index of a value in `Plan.values`. */
export type ValueId = number;

/** Constants of all images, or a vector of each image. */
export type PlanVector = { constant: Tensor } | { value: ValueId };

/** Done to each element that a step reads: `x * scale + shift`, then `max(0, .)` if `relu`. */
export interface PlanAffine {
  scale: PlanVector | null;
  shift: PlanVector | null;
  relu: boolean;
}

interface StepBase {
  /** Path of the module it comes from, such as `layer1.0.conv1`. */
  name: string;
}

export interface ConvStep extends StepBase {
  op: 'conv';
  /** A value, or the network's input, which is float32 in NCHW order. */
  input: ValueId | { input: number };
  output: ValueId;
  /** float32 (out, in / groups, kH, kW), contiguous. */
  weight: Tensor;
  /** float64 (out): each output channel's weights are multiplied by it when they are packed. None: 1. */
  weightScale?: Tensor | null;
  /** float32 (out). */
  bias: Tensor | null;
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  groups: number;
  pre: PlanAffine | null;
  /** Added to the result; may be the same memory as the output. */
  add: ValueId | null;
  relu: boolean;
  /** Vectors that receive mean and biased variance of what is written, for each image and channel. */
  mean: ValueId | null;
  variance: ValueId | null;
}

/**
 * A convolution of integers. Its input is quantised, or is as it is read, after `pre`; sums are exact, and all after them is
 * float32, quantised again where the output is.
 */
export interface Int8ConvStep extends Omit<ConvStep, 'op' | 'weightScale'> {
  op: 'int8Conv';
  /** int8 (out, in, kH, kW), contiguous. */
  weight: Tensor;
  /** float32 (out): what one of a channel's weights stands for. */
  weightScale: Tensor;
  /** What an input of floats is quantised to; null where the input is quantised. */
  quantization: PlanQuantization | null;
}

/** vector -> vector, the input quantised as it is read. */
export interface Int8LinearStep extends StepBase {
  op: 'int8Linear';
  input: ValueId;
  output: ValueId;
  /** int8 (out, in). */
  weight: Tensor;
  /** float32 (out). */
  weightScale: Tensor;
  bias: Tensor | null;
  quantization: PlanQuantization;
  relu: boolean;
}

/** The output's size says whether it is ceil_mode's. */
export interface PoolStep extends StepBase {
  op: 'maxPool' | 'avgPool';
  input: ValueId;
  output: ValueId;
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number];
  countIncludePad: boolean;
  pre: PlanAffine | null;
}

/** Mean over each channel's map: map -> vector. */
export interface GlobalMeanStep extends StepBase {
  op: 'globalMean';
  input: ValueId;
  output: ValueId;
  pre: PlanAffine | null;
}

/** vector -> vector. */
export interface LinearStep extends StepBase {
  op: 'linear';
  input: ValueId;
  output: ValueId;
  weight: Tensor;
  bias: Tensor | null;
  activation: 'none' | 'relu' | 'sigmoid';
}

/**
 * `pre(input) * gate + add`, then `max(0, .)` if `relu`; the output may be the memory of `input` or `add`. All are maps, but
 * for the gate, or all are vectors, without a gate and with constants in `pre`.
 */
export interface ApplyStep extends StepBase {
  op: 'apply';
  input: ValueId;
  output: ValueId;
  pre: PlanAffine | null;
  gate: ValueId | null;
  add: ValueId | null;
  relu: boolean;
}

/**
 * `functions(pre(input) combined with other)`, element by element, the first function first. Operands have the output's sizes or 1
 * in their place; a vector has one pixel. The output may be the memory of an operand of its sizes.
 */
export interface PointwiseStep extends StepBase {
  op: 'pointwise';
  input: ValueId;
  output: ValueId;
  /** None of a vector. */
  pre: PlanAffine | null;
  /** null: without `other`. */
  combine: Combine | null;
  /** Constants are float32, (C, H, W). */
  other: { value: ValueId } | { constant: Tensor } | null;
  functions: readonly ElementFunction[];
}

/** map -> map of the same channels; as `aten::upsample_bilinear2d` and its like. */
export interface ResizeStep extends StepBase {
  op: 'resize';
  input: ValueId;
  output: ValueId;
  mode: 'nearest' | 'nearest-exact' | 'bilinear';
  alignCorners: boolean;
  /** Rows and columns of the input for one of the output. */
  scale: [number, number];
}

/** Over the channels of each pixel, or the elements of a vector; the output may be the memory of the input. */
export interface SoftmaxStep extends StepBase {
  op: 'softmax';
  input: ValueId;
  output: ValueId;
  /** The logarithm of it. */
  log: boolean;
}

/** Over the channels of each pixel, or the elements of a vector; the output may be the memory of the input. */
export interface LayerNormStep extends StepBase {
  op: 'layerNorm';
  input: ValueId;
  output: ValueId;
  /** float32 (C). */
  weight: Tensor | null;
  bias: Tensor | null;
  eps: number;
}

/** The channels of each pixel to a map of one, or the elements of a vector to a vector of one. */
export interface ReduceStep extends StepBase {
  op: 'reduce';
  input: ValueId;
  output: ValueId;
  reduction: 'sum' | 'mean' | 'max' | 'min';
}

/** map or vector -> indices: the largest channel of each pixel. */
export interface ArgmaxStep extends StepBase {
  op: 'argmax';
  input: ValueId;
  output: ValueId;
}

/** Mean and biased variance of each image and channel, where no convolution could give them. */
export interface StatisticsStep extends StepBase {
  op: 'statistics';
  input: ValueId;
  mean: ValueId;
  variance: ValueId;
}

/** Part of an `instanceAffine`: `count` channels from `channel` on, normalised with what the vectors hold from `from` on. */
export interface InstancePart {
  channel: number;
  count: number;
  mean: ValueId;
  variance: ValueId;
  from: number;
  weight: Tensor | null;
  bias: Tensor | null;
  eps: number;
  /** Mean and variance of each of so many equal groups of the channels; none: of each channel. */
  groups?: number;
}

/** Makes scale and shift of a normalisation from statistics; channels of no part take the base. */
export interface InstanceAffineStep extends StepBase {
  /** The second where any part has groups. */
  op: 'instanceAffine' | 'groupAffine';
  /** float32, as many as the vectors have channels. */
  baseScale: Tensor;
  baseShift: Tensor;
  parts: InstancePart[];
  scale: ValueId;
  shift: ValueId;
}

/** NCHW float32 input -> map. */
export interface FromPlanarStep extends StepBase {
  op: 'fromPlanar';
  input: { input: number };
  output: ValueId;
}

/** Into a range of channels, for a concatenation that could not be made in place. */
export interface CopyStep extends StepBase {
  op: 'copy';
  input: ValueId;
  output: ValueId;
}

/** Values, inputs and results of earlier calls of the step are given by reference, all else as the op takes it. */
export type AtenStepArg =
  | { value: ValueId }
  | { input: number }
  | { literal: unknown }
  | { call: number; result: number }
  | { list: AtenStepArg[] };

/** A call of an op of libtorch. */
export interface AtenStepCall {
  /** As `aten::hardtanh`. */
  operator: string;
  overload: string;
  /** In schema order. */
  args: AtenStepArg[];
}

/** An op of libtorch that no kernel replaces. Maps go in and come out as float32 (N, C, H, W) tensors. */
export interface AtenStep extends StepBase, AtenStepCall {
  op: 'aten';
  /** Calls made first, whose results may be of any shape and dtype; nothing else reads them. */
  before?: AtenStepCall[];
  /** Which of the op's results is the output; only beside `before`. */
  result?: number;
  output: ValueId;
}

export type PlanStep =
  | ConvStep
  | Int8ConvStep
  | Int8LinearStep
  | PoolStep
  | GlobalMeanStep
  | LinearStep
  | ApplyStep
  | PointwiseStep
  | ResizeStep
  | SoftmaxStep
  | LayerNormStep
  | ReduceStep
  | ArgmaxStep
  | StatisticsStep
  | InstanceAffineStep
  | FromPlanarStep
  | CopyStep
  | AtenStep;

/** A network as a flat list of steps over one arena. */
export interface Plan {
  dtype: PlanDType;
  /** Sizes of the inputs without the batch. */
  inputs: PlanInput[];
  buffers: PlanBuffer[];
  values: PlanValue[];
  steps: PlanStep[];
  /** Maps come out as (N, C, H, W), vectors as (N, C), float32; indices with `sizes` behind the batch, int64. */
  outputs: { value: ValueId; name: string; sizes?: readonly number[] }[];
  /** Bytes of the arena for one image. */
  arenaBytes: number;
}
