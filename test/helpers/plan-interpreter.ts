import type {
  AtenStepArg,
  AtenStepCall,
  InstanceAffineStep,
  Int8ConvStep,
  Int8LinearStep,
  Plan,
  PlanAffine,
  PlanBuffer,
  PlanQuantization,
  PlanStep,
  PlanVector,
  StatisticsStep,
  ValueId,
} from '../../lib/compile/cpu/plan.ts';
import { accesses } from '../../lib/compile/cpu/plan-memory.ts';
import { scaleChannels } from '../../lib/compile/graph/affine.ts';
import type { PlanDType } from '../../lib/compile/plan-options.ts';
import { invoke, type Packet, packetOf } from '../../lib/ops/call.ts';
import {
  type DType,
  full,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensorFromStorage,
  type UntypedStorage,
} from '../../lib/tensor/index.ts';

const { aten } = ops;

/** What libtorch has for the reductions of `reduce` steps. */
const REDUCTIONS: Readonly<Record<'sum' | 'mean' | 'max' | 'min', (x: Tensor) => Tensor>> = {
  sum: (x) => x.sum([1], { keepdim: true }),
  mean: (x) => x.mean([1], { keepdim: true }),
  max: (x) => aten.amax(x, [1], true),
  min: (x) => aten.amin(x, [1], true),
};

type ElementOp = (x: Tensor, args: readonly number[]) => Tensor;

/** What libtorch has for the functions of `pointwise` steps. */
export const FUNCTIONS: Readonly<Record<string, ElementOp>> = {
  relu: (x) => x.relu(),
  leaky_relu: (x, [slope]) => aten.leaky_relu(x, slope),
  elu: (x, [alpha, scale, inputScale]) => aten.elu(x, alpha, scale, inputScale),
  clamp: (x, [least, most]) => aten.clamp(x, least, most),
  clamp_min: (x, [least]) => aten.clamp(x, least),
  clamp_max: (x, [most]) => aten.clamp(x, null, most),
  sigmoid: (x) => x.sigmoid(),
  log_sigmoid: (x) => aten.log_sigmoid(x),
  hardsigmoid: (x) => aten.hardsigmoid(x),
  tanh: (x) => x.tanh(),
  gelu: (x) => aten.gelu(x),
  gelu_tanh: (x) => aten.gelu(x, { approximate: 'tanh' }),
  silu: (x) => aten.silu(x),
  mish: (x) => aten.mish(x),
  hardswish: (x) => aten.hardswish(x),
  softplus: (x, [beta, threshold]) => aten.softplus(x, beta, threshold),
  affine: (x, [scale, shift]) => x.mul(scale as number).add(shift as number),
  pow: (x, [exponent]) => x.pow(exponent as number),
  square: (x) => x.square(),
  sqrt: (x) => x.sqrt(),
  rsqrt: (x) => x.rsqrt(),
  reciprocal: (x) => x.reciprocal(),
  abs: (x) => x.abs(),
  exp: (x) => x.exp(),
  log: (x) => x.log(),
  erf: (x) => x.erf(),
};

/**
 * Runs a plan with eager ops over one real arena laid out as the plan says, so that a wrong memory plan gives wrong
 * numbers. The arena is full of NaN at first: reading what nothing wrote shows too.
 */
export class PlanInterpreter {
  readonly #plan: Plan;
  readonly #inputs: readonly Tensor[];
  readonly #batch: number;
  readonly #arena: UntypedStorage;

  constructor(plan: Plan, inputs: readonly Tensor[]) {
    this.#plan = plan;
    this.#inputs = inputs;
    this.#batch = inputs[0]?.shape[0] as number;
    const elements = Math.ceil((plan.arenaBytes * this.#batch) / 4);
    this.#arena = full([elements], Number.NaN).untypedStorage();
  }

  run(): Record<string, Tensor> {
    for (const step of this.#plan.steps) scope(() => this.#step(step));
    return Object.fromEntries(
      this.#plan.outputs.map(({ name, value, sizes }) => [name, this.#output(value, sizes)]),
    );
  }

  #output(value: ValueId, sizes: readonly number[] | undefined): Tensor {
    if (sizes === undefined) return this.#read(value).clone();
    return this.#view(value)
      .reshape([this.#batch, ...sizes])
      .clone();
  }

  /** A value as (N, C, H, W) or (N, C), over the arena. */
  #view(id: ValueId): Tensor {
    const { buffer: index, from, channels } = this.#plan.values[id] as Plan['values'][number];
    const buffer = this.#plan.buffers[index] as PlanBuffer;
    const isVector = buffer.kind === 'vector';
    const dtype = elementsOf(buffer, this.#plan.dtype);
    const bytes = BYTES[dtype] as number;
    const start = (this.#batch * buffer.offset) / bytes + from;
    const [height, width, all] = [buffer.height, buffer.width, buffer.channels];
    if (isVector) return tensorFromStorage(this.#arena, dtype, start, [this.#batch, channels], [all, 1]);
    const sizes = [this.#batch, channels, height, width];
    return tensorFromStorage(this.#arena, dtype, start, sizes, [height * width * all, 1, width * all, all]);
  }

  #quantization(id: ValueId): PlanQuantization | undefined {
    return this.#plan.buffers[this.#plan.values[id]?.buffer ?? -1]?.quantization;
  }

  /** What a quantised map stands for. */
  #read(id: ValueId): Tensor {
    const plain = this.#view(id).to('float32').contiguous();
    const quantization = this.#quantization(id);
    return quantization === undefined ? plain : dequantized(plain, quantization);
  }

  #write(id: ValueId, result: Tensor): void {
    const target = this.#view(id);
    if (target.shape.join() !== result.shape.join()) {
      throw new Error(`Expected [${target.shape}] for value ${id}, got [${result.shape}]`);
    }
    const quantization = this.#quantization(id);
    target.copy_(quantization === undefined ? result : quantized(result, quantization));
  }

  #input(source: ValueId | { input: number }): Tensor {
    return typeof source === 'number' ? this.#read(source) : (this.#inputs[source.input] as Tensor);
  }

  /** A vector to multiply maps with: (N or 1, C, 1, 1). */
  #factor(vector: PlanVector, x: Tensor): Tensor {
    const values = 'constant' in vector ? vector.constant.unsqueeze(0) : this.#read(vector.value);
    return x.ndim === 2 ? values : values.unsqueeze(-1).unsqueeze(-1);
  }

  #pre(x: Tensor, affine: PlanAffine | null): Tensor {
    let y = x;
    if (affine === null) return y;
    if (affine.shift !== null && affine.scale === null) throw new Error('Expected a scale beside the shift');
    if (affine.scale !== null) y = y.mul(this.#factor(affine.scale, y));
    if (affine.shift !== null) y = y.add(this.#factor(affine.shift, y));
    return affine.relu ? y.relu() : y;
  }

  #statistics(map: Tensor, mean: ValueId | null, variance: ValueId | null): void {
    if (mean !== null) this.#write(mean, map.mean([2, 3]));
    if (variance !== null) this.#write(variance, aten.var_mean.correction(map, [2, 3], { correction: 0 })[0]);
  }

  #step(step: PlanStep): void {
    if (step.op === 'statistics') {
      this.#statistics(this.#read(step.input), step.mean, step.variance);
    } else if ('parts' in step) {
      this.#instanceAffine(step);
    } else {
      const result = this.#result(step);
      this.#write(step.output, result);
      if (step.op === 'conv' || step.op === 'int8Conv') this.#statistics(result, step.mean, step.variance);
    }
  }

  #result(step: Exclude<PlanStep, StatisticsStep | InstanceAffineStep>): Tensor {
    switch (step.op) {
      case 'conv':
        return this.#conv(step);
      case 'int8Conv':
        return this.#int8Conv(step);
      case 'int8Linear': {
        const x = quantized(this.#read(step.input), step.quantization);
        const sums = aten.linear(centred(x, step.quantization), step.weight.to('float64'));
        const y = this.#scaled(sums, step, step.quantization);
        return step.relu ? y.relu() : y;
      }
      case 'maxPool':
      case 'avgPool':
        return this.#pool(step);
      case 'globalMean':
        return this.#pre(this.#read(step.input), step.pre).mean([2, 3]);
      case 'linear': {
        const y = aten.linear(this.#read(step.input), step.weight, step.bias);
        return step.activation === 'none' ? y : step.activation === 'relu' ? y.relu() : y.sigmoid();
      }
      case 'apply': {
        let y = this.#pre(this.#read(step.input), step.pre);
        if (step.gate !== null) y = y.mul(this.#factor({ value: step.gate }, y));
        if (step.add !== null) y = y.add(this.#read(step.add));
        return step.relu ? y.relu() : y;
      }
      case 'pointwise':
        return this.#pointwise(step);
      case 'resize':
        return this.#resize(step);
      case 'softmax': {
        const x = this.#read(step.input);
        return step.log ? aten.log_softmax(x, 1) : x.softmax(1);
      }
      case 'layerNorm': {
        const x = this.#read(step.input);
        const last = x.ndim === 2 ? x : aten.permute(x, [0, 2, 3, 1]);
        const y = aten.layer_norm(last, [last.shape.at(-1) as number], step.weight, step.bias, step.eps);
        return x.ndim === 2 ? y : aten.permute(y, [0, 3, 1, 2]);
      }
      case 'reduce':
        return REDUCTIONS[step.reduction](this.#read(step.input));
      case 'argmax': {
        const x = this.#read(step.input);
        const places = x.argmax(1, { keepdim: true });
        return x.ndim === 2 ? places.reshape([-1, 1, 1, 1]) : places;
      }
      case 'fromPlanar':
      case 'copy':
        return this.#input(step.input);
      case 'aten':
        return this.#aten(step);
    }
  }

  #pointwise(step: Extract<PlanStep, { op: 'pointwise' }>): Tensor {
    const target = this.#view(step.output);
    const sized = (x: Tensor) => (x.ndim < target.ndim ? x.unsqueeze(-1).unsqueeze(-1) : x);
    let y = sized(this.#pre(this.#read(step.input), step.pre));
    if (step.combine !== null) y = aten[step.combine](y, this.#other(step.other, target.ndim, sized));
    for (const { name, args } of step.functions) y = (FUNCTIONS[name] as ElementOp)(y, args);
    return y.expand(target.shape);
  }

  #other(
    other: Extract<PlanStep, { op: 'pointwise' }>['other'],
    rank: number,
    sized: (x: Tensor) => Tensor,
  ): Tensor {
    if (other === null) throw new Error('Expected an operand beside "combine"');
    if ('value' in other) return sized(this.#read(other.value));
    return rank === 2 ? other.constant.flatten() : other.constant;
  }

  #resize(step: Extract<PlanStep, { op: 'resize' }>): Tensor {
    const x = this.#read(step.input);
    const sizes = this.#view(step.output).shape.slice(2);
    const factors = step.scale.map((scale) => (scale > 0 ? 1 / scale : null)) as [number, number];
    if (step.mode === 'nearest') return aten.upsample_nearest2d(x, sizes, ...factors);
    if (step.mode === 'nearest-exact') return aten._upsample_nearest_exact2d(x, sizes, ...factors);
    return aten.upsample_bilinear2d(x, sizes, step.alignCorners, ...factors);
  }

  #pool(step: Extract<PlanStep, { op: 'maxPool' | 'avgPool' }>): Tensor {
    const { kernel, stride, padding, countIncludePad } = step;
    const x = this.#pre(this.#read(step.input), step.pre);
    const { shape } = this.#view(step.output);
    const isWhole = [0, 1].every((d) => {
      const room = (x.shape[d + 2] as number) + 2 * (padding[d] as number) - (kernel[d] as number);
      return shape[d + 2] === Math.floor(room / (stride[d] as number)) + 1;
    });
    return step.op === 'maxPool'
      ? aten.max_pool2d(x, kernel, stride, padding, [1, 1], !isWhole)
      : aten.avg_pool2d(x, kernel, stride, padding, !isWhole, countIncludePad);
  }

  #conv(step: Extract<PlanStep, { op: 'conv' }>): Tensor {
    if (step.relu && step.mean !== null) throw new Error('Expected no statistics after relu');
    const { weight, weightScale, bias, stride, padding, dilation, groups } = step;
    const x = this.#pre(this.#input(step.input), step.pre);
    const scaled = weightScale ? scaleChannels(weight, weightScale) : weight;
    let y = aten.conv2d(x, scaled, bias, stride, padding, dilation, groups);
    if (step.add !== null) y = y.add(this.#read(step.add));
    return step.relu ? y.relu() : y;
  }

  /** Sums in float64, which holds them exactly. */
  #int8Conv(step: Int8ConvStep): Tensor {
    const { weight, stride, padding, dilation } = step;
    const known = typeof step.input === 'number' ? this.#quantization(step.input) : undefined;
    const quantization = known ?? (step.quantization as PlanQuantization);
    const x = this.#pre(this.#input(step.input), step.pre);
    const q = centred(quantized(x, quantization), quantization);
    const sums = aten.conv2d(q, weight.to('float64'), null, stride, padding, dilation, 1);
    let y = this.#scaled(sums, step, quantization);
    if (step.add !== null) y = y.add(this.#read(step.add));
    return step.relu ? y.relu() : y;
  }

  #scaled(sums: Tensor, step: Int8ConvStep | Int8LinearStep, { scale }: PlanQuantization): Tensor {
    const sizes = [1, -1, ...sums.shape.slice(2).fill(1)];
    const y = sums.to('float32').mul(step.weightScale.mul(scale).reshape(sizes));
    return step.bias === null ? y : y.add(step.bias.reshape(sizes));
  }

  #instanceAffine(step: InstanceAffineStep): void {
    const rows = [this.#batch, step.baseScale.numel()];
    const [scale, shift] = [step.baseScale.expand(rows).clone(), step.baseShift.expand(rows).clone()];
    for (const part of step.parts) {
      const range = (id: ValueId) => this.#read(id).narrow(1, part.from, part.count);
      const [mean, variance] = joined(range(part.mean), range(part.variance), part.groups);
      let own = variance.add(part.eps).rsqrt();
      if (part.weight !== null) own = own.mul(part.weight);
      let offset = mean.mul(own).neg();
      if (part.bias !== null) offset = offset.add(part.bias);
      scale.narrow(1, part.channel, part.count).copy_(own);
      shift.narrow(1, part.channel, part.count).copy_(offset);
    }
    this.#write(step.scale, scale);
    this.#write(step.shift, shift);
  }

  #aten(step: Extract<PlanStep, { op: 'aten' }>): Tensor {
    const done: Tensor[][] = [];
    for (const call of [...(step.before ?? []), step]) done.push([this.#call(call, done)].flat());
    return done.at(-1)?.[step.result ?? 0] as Tensor;
  }

  #call({ operator, overload, args }: AtenStepCall, done: Tensor[][]): Tensor | Tensor[] {
    const read = (arg: AtenStepArg): unknown => {
      if ('literal' in arg) return arg.literal;
      if ('list' in arg) return arg.list.map(read);
      return 'call' in arg ? done[arg.call]?.[arg.result] : this.#input('value' in arg ? arg.value : arg);
    };
    return invoke((packetOf(operator) as Packet).overload(overload), args.map(read)) as Tensor | Tensor[];
  }
}

const BYTES: { [dtype in DType]?: number } = { int64: 8, float32: 4, bfloat16: 2, uint8: 1 };

function elementsOf({ kind, quantization }: PlanBuffer, dtype: PlanDType): DType {
  if (kind === 'indices') return 'int64';
  if (kind === 'vector') return 'float32';
  return quantization === undefined ? dtype : 'uint8';
}

const quantized = (x: Tensor, { scale, zeroPoint }: PlanQuantization): Tensor =>
  aten.clamp(
    x
      .mul(Math.fround(1 / Math.fround(scale)))
      .round()
      .add(zeroPoint),
    0,
    255,
  );

const dequantized = (q: Tensor, { scale, zeroPoint }: PlanQuantization): Tensor =>
  q.sub(zeroPoint).mul(Math.fround(scale));

const centred = (q: Tensor, { zeroPoint }: PlanQuantization): Tensor => q.to('float64').sub(zeroPoint);

/** Mean and variance of groups of channels, for each of these. */
function joined(mean: Tensor, variance: Tensor, groups: number | undefined): [Tensor, Tensor] {
  if (groups === undefined) return [mean, variance];
  const [batch, channels] = mean.shape as [number, number];
  const of = (x: Tensor) => x.reshape([batch, groups, channels / groups]);
  const all = of(mean).mean([2], { keepdim: true });
  const square = of(mean).sub(all).square().add(of(variance)).mean([2], { keepdim: true });
  const each = (x: Tensor) => x.expand([batch, groups, channels / groups]).reshape([batch, channels]);
  return [each(all), each(square)];
}

/** Runs a plan with eager ops. */
export function interpret(plan: Plan, ...inputs: Tensor[]): Record<string, Tensor> {
  return scope(() => noGrad(() => new PlanInterpreter(plan, inputs).run()));
}

interface Range {
  buffer: number;
  from: number;
  to: number;
}

/** Operands that a step may write its result over. */
function overwritten(step: PlanStep): readonly (ValueId | null)[] {
  if (step.op === 'apply') return [step.input, step.add];
  if (step.op === 'pointwise')
    return [step.input, step.other && 'value' in step.other ? step.other.value : null];
  return step.op === 'conv' || step.op === 'int8Conv' ? [step.add] : [];
}

/** What is wrong with a plan's use of memory, besides what wrong numbers would show. */
export function faults(plan: Plan): string[] {
  const range = (id: ValueId): Range => {
    const { buffer, from, channels } = plan.values[id] as Plan['values'][number];
    return { buffer, from, to: from + channels };
  };
  const overlap = (a: Range, b: Range) => a.buffer === b.buffer && a.from < b.to && b.from < a.to;
  const found: string[] = [];
  for (const [i, buffer] of plan.buffers.entries()) {
    if (buffer.offset % 64 !== 0) found.push(`buffer ${i} at ${buffer.offset}`);
  }
  for (const [i, step] of plan.steps.entries()) {
    const { reads, writes } = accesses(step);
    const own = overwritten(step);
    for (const write of writes) {
      for (const read of reads) {
        const allowed = own.includes(read) && read === write;
        if (!allowed && overlap(range(read), range(write)))
          found.push(`${i} ${step.op} ${step.name} overwrites`);
      }
    }
  }
  return found;
}
