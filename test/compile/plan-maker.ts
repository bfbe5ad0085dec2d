import { expect } from 'vitest';
import { CompiledModel, type PlanOptions } from '../../lib/compile/compiled-model.ts';
import type { Plan, PlanBuffer, PlanQuantization, PlanStep, ValueId } from '../../lib/compile/cpu/plan.ts';
import { engine } from '../../lib/compile/native.ts';
import type { PlanDType } from '../../lib/compile/plan-options.ts';
import { noGrad, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { interpret } from '../helpers/plan-interpreter.ts';

type StepWith<Step extends PlanStep, Op> = Step extends unknown
  ? Op extends Step['op']
    ? Step
    : never
  : never;
type StepOf<Op extends PlanStep['op']> = StepWith<PlanStep, Op>;
/** A step without what has a default here. */
type Given<Op extends PlanStep['op']> = Partial<StepOf<Op>> & { op: Op };

const CONV = {
  bias: null,
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  pre: null,
  add: null,
  relu: false,
  mean: null,
  variance: null,
} as const;

const DEFAULTS = {
  conv: CONV,
  int8Conv: { ...CONV, quantization: null },
  int8Linear: { bias: null, relu: false },
  maxPool: { stride: [1, 1], padding: [0, 0], countIncludePad: true, pre: null },
  avgPool: { stride: [1, 1], padding: [0, 0], countIncludePad: true, pre: null },
  globalMean: { pre: null },
  linear: { bias: null, activation: 'none' },
  apply: { pre: null, gate: null, add: null, relu: false },
  pointwise: { pre: null, combine: null, other: null, functions: [] },
  aten: { overload: '' },
} as const;

/** Writes plans by hand: each buffer has a place of its own in the arena. */
export class PlanMaker {
  readonly plan: Plan;

  constructor(dtype: PlanDType = 'float32', ...inputs: [number, number, number][]) {
    this.plan = {
      dtype,
      inputs: inputs.map(([channels, height, width]) => ({ channels, height, width })),
      buffers: [],
      values: [],
      steps: [],
      outputs: [],
      arenaBytes: 0,
    };
  }

  map(channels: number, height: number, width: number): ValueId {
    const element = this.plan.dtype === 'float32' ? 4 : 2;
    return this.#add({ kind: 'map', channels, height, width, offset: this.plan.arenaBytes }, element);
  }

  /** A map of bytes. */
  bytes(channels: number, height: number, width: number, quantization: PlanQuantization): ValueId {
    const size = { channels, height, width, offset: this.plan.arenaBytes };
    return this.#add({ kind: 'map', ...size, quantization }, 1);
  }

  /** Places of maxima. */
  indices(height: number, width: number): ValueId {
    return this.#add({ kind: 'indices', channels: 1, height, width, offset: this.plan.arenaBytes }, 8);
  }

  vector(channels: number): ValueId {
    return this.#add({ kind: 'vector', channels, height: 1, width: 1, offset: this.plan.arenaBytes }, 4);
  }

  #add(buffer: PlanBuffer, element: number): ValueId {
    const bytes = buffer.channels * buffer.height * buffer.width * element;
    this.plan.arenaBytes += Math.ceil(bytes / 64) * 64;
    this.plan.buffers.push(buffer);
    const all = { buffer: this.plan.buffers.length - 1, from: 0, channels: buffer.channels };
    return this.plan.values.push(all) - 1;
  }

  /** Channels [from, from + channels) of a value. */
  range(value: ValueId, from: number, channels: number): ValueId {
    const whole = this.plan.values[value] as Plan['values'][number];
    return this.plan.values.push({ buffer: whole.buffer, from: whole.from + from, channels }) - 1;
  }

  step<Op extends PlanStep['op']>(given: Given<Op>): this {
    const defaults = DEFAULTS[given.op as keyof typeof DEFAULTS] ?? {};
    this.plan.steps.push({ name: `step${this.plan.steps.length}`, ...defaults, ...given } as PlanStep);
    return this;
  }

  /** Reads an input into a map. */
  read(input = 0): ValueId {
    const { channels, height, width } = this.plan.inputs[input] as Plan['inputs'][number];
    const output = this.map(channels, height, width);
    this.step({ op: 'fromPlanar', input: { input }, output });
    return output;
  }

  /** The plan with these outputs: a lone one is `output`, others have numbers. */
  outputs(...values: ValueId[]): Plan {
    const names = values.length === 1 ? ['output'] : values.map((_, i) => String(i));
    this.plan.outputs = values.map((value, i) => ({ value, name: names[i] as string }));
    return this.plan;
  }

  /** Random tensors that the plan owns. */
  weight(...shape: number[]): Tensor {
    return randn(shape);
  }
}

/** Makes a plan and the model of it. */
export function compilePlan<Output = Tensor>(
  make: () => Plan,
  options: PlanOptions = {},
): Promise<CompiledModel<Output>> {
  return CompiledModel.fromPlan(make(), { threads: 2, ...options });
}

/** Instruction sets but those that differ from another in products of integers alone. */
export const floatSets = (): string[] => engine.instructionSets().filter((name) => !name.endsWith('vnni'));

const TOLERANCE = { float32: 2e-5, bfloat16: 2e-2 };

/** The largest difference over the largest magnitude of what is wanted. */
function difference(got: Tensor, want: Tensor): number {
  const error = got.sub(want).abs().max().item() as number;
  return error / Math.max(1e-3, want.abs().max().item() as number);
}

/** Fails unless a plan gives what eager ops give, for these batch sizes. */
export async function expectPlan(plan: Plan, options: PlanOptions = {}, batches = [1, 3]): Promise<void> {
  const model = await CompiledModel.fromPlan<Tensor | Tensor[]>(plan, { threads: 2, ...options });
  for (const batch of batches) {
    const inputs = plan.inputs.map(({ channels, height, width }) => randn([batch, channels, height, width]));
    const results = await model.run(inputs);
    scope(() => {
      const wanted = noGrad(() => interpret(plan, ...inputs));
      const got = plan.outputs.length === 1 ? [results as Tensor] : (results as Tensor[]);
      for (const [i, { name }] of plan.outputs.entries()) {
        const want = wanted[name] as Tensor;
        expect(got[i]?.shape).toEqual(want.shape);
        expect(difference(got[i] as Tensor, want), `output ${name} of ${batch}`).toBeLessThan(
          TOLERANCE[plan.dtype],
        );
      }
    });
    for (const tensor of [...inputs, ...(Array.isArray(results) ? results : [results as Tensor])])
      tensor.dispose();
  }
  model.dispose();
}

/** What a promise is rejected with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; path?: string }> {
  const reason = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (reason instanceof Error) return reason;
  throw new Error(`Expected an error, got ${String(reason)}`);
}

/** A network with every kind of step but `aten`: (N, 3, 32, 32) to (N, 5). */
export function smallNetwork(dtype: PlanDType = 'float32'): Plan {
  const maker = new PlanMaker(dtype, [3, 32, 32]);
  const wide = maker.map(24, 16, 16);
  const [stem, rest] = [maker.range(wide, 0, 8), maker.range(wide, 8, 16)];
  const [mean, variance, scale, shift] = [0, 1, 2, 3].map(() => maker.vector(8)) as [0, 0, 0, 0];
  const conv = { op: 'conv', padding: [1, 1] } as const;
  maker.step({
    ...conv,
    padding: [1, 1],
    input: { input: 0 },
    output: stem,
    weight: maker.weight(8, 3, 3, 3),
    bias: maker.weight(8),
    stride: [2, 2],
    mean,
    variance,
  });
  const part = { channel: 0, count: 4, from: 0, mean, variance, eps: 1e-5 };
  maker.step({
    op: 'instanceAffine',
    baseScale: maker.weight(8),
    baseShift: maker.weight(8),
    parts: [{ ...part, weight: maker.weight(4), bias: maker.weight(4) }],
    scale,
    shift,
  });
  const pre = { scale: { value: scale }, shift: { value: shift }, relu: true };
  maker.step({ ...conv, padding: [1, 1], input: stem, output: rest, weight: maker.weight(16, 8, 3, 3), pre });
  const pooled = maker.map(24, 8, 8);
  maker.step({ op: 'maxPool', input: wide, output: pooled, kernel: [3, 3], stride: [2, 2], padding: [1, 1] });
  const [hidden, gate] = [maker.vector(24), maker.vector(24)];
  maker.step({ op: 'globalMean', input: pooled, output: hidden });
  maker.step({
    op: 'linear',
    input: hidden,
    output: gate,
    weight: maker.weight(24, 24),
    activation: 'sigmoid',
  });
  const gated = maker.map(24, 8, 8);
  maker.step({ op: 'apply', input: pooled, output: gated, gate, add: pooled, relu: true });
  const [features, logits] = [maker.vector(24), maker.vector(5)];
  maker.step({ op: 'globalMean', input: gated, output: features });
  maker.step({
    op: 'linear',
    input: features,
    output: logits,
    weight: maker.weight(5, 24),
    bias: maker.weight(5),
  });
  return maker.outputs(logits);
}

/** A network that takes some time: (N, 64, 56, 56) to (N, 64). */
export function slowNetwork(layers = 12): Plan {
  const maker = new PlanMaker('float32', [64, 56, 56]);
  let x = maker.read();
  for (let i = 0; i < layers; i++) {
    const output = maker.map(64, 56, 56);
    maker.step({
      op: 'conv',
      input: x,
      output,
      weight: maker.weight(64, 64, 3, 3),
      padding: [1, 1],
      relu: true,
    });
    x = output;
  }
  const output = maker.vector(64);
  maker.step({ op: 'globalMean', input: x, output });
  return maker.outputs(output);
}
