import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import type { Plan, PlanQuantization, ValueId } from '../../../lib/compile/cpu/plan.ts';
import { engine } from '../../../lib/compile/native.ts';
import { manualSeed, randn, scope, setNumThreads, type Tensor } from '../../../lib/tensor/index.ts';
import { interpret } from '../../helpers/plan-interpreter.ts';
import { PlanMaker, rejection } from '../plan-maker.ts';
import { type ConvCase, nameOf, outSize } from './conv-cases.ts';

const sets = engine.instructionSets();

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

type Pair = [number, number];
const cases: ConvCase[] = [
  { channels: [3, 64], size: [33, 31], kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { channels: [1, 1], size: [1, 1], kernel: [1, 1] },
  { channels: [5, 7], size: [3, 2], kernel: [1, 1] },
  { channels: [16, 48], size: [7, 7], kernel: [1, 1], stride: [2, 2] },
  { channels: [64, 100], size: [9, 5], kernel: [1, 1] },
  { channels: [33, 129], size: [14, 14], kernel: [1, 1] },
  { channels: [1024, 544], size: [7, 7], kernel: [1, 1] },
  { channels: [8, 8], size: [1, 1], kernel: [3, 3], padding: [1, 1] },
  { channels: [13, 17], size: [5, 11], kernel: [3, 3], padding: [1, 1] },
  { channels: [64, 64], size: [14, 15], kernel: [3, 3], padding: [1, 1] },
  { channels: [32, 64], size: [15, 14], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { channels: [24, 24], size: [12, 12], kernel: [3, 3], padding: [2, 2], dilation: [2, 2] },
  { channels: [10, 6], size: [9, 9], kernel: [3, 5], stride: [2, 1], padding: [1, 2], dilation: [1, 2] },
  { channels: [6, 4], size: [6, 6], kernel: [2, 2], padding: [1, 1] },
  { channels: [4, 40], size: [1, 30], kernel: [1, 3], padding: [0, 2] },
];

interface Fused {
  input: 'planar' | 'float' | 'bytes';
  output: 'float' | 'bytes';
  bias?: boolean;
  pre?: 'constants' | 'values' | 'relu';
  add?: 'float' | 'bytes';
  relu?: boolean;
  statistics?: boolean;
  /** Input and output are ranges of wider maps. */
  ranges?: boolean;
}

const fusions: Record<string, Fused> = {
  'bytes to bytes, with bias and relu': { input: 'bytes', output: 'bytes', bias: true, relu: true },
  'bytes to floats': { input: 'bytes', output: 'float' },
  'the input to bytes': { input: 'planar', output: 'bytes', bias: true, relu: true },
  'floats to floats after a norm, statistics after': {
    input: 'float',
    output: 'float',
    pre: 'constants',
    statistics: true,
  },
  'floats to bytes after an instance norm, bytes added': {
    input: 'float',
    output: 'bytes',
    pre: 'values',
    add: 'bytes',
    relu: true,
  },
  'bytes to bytes with floats added': { input: 'bytes', output: 'bytes', add: 'float', bias: true },
  'floats to floats after relu, bytes added': { input: 'float', output: 'float', pre: 'relu', add: 'bytes' },
  'ranges of bytes': { input: 'bytes', output: 'bytes', ranges: true, relu: true, add: 'bytes' },
  'ranges of floats': { input: 'float', output: 'float', ranges: true, bias: true },
};

/** Numbers that float32 holds exactly, so that sums, scales and roundings have one right result. */
const whole = (shape: number[], size: number): Tensor => scope(() => randn(shape).mul(size).round());
const powers = (count: number): Tensor =>
  scope(() => randn([count]).round().sub(7).mul(Math.LN2).exp().mul(1024).round().div(1024));

const signed: PlanQuantization = { scale: 0.5, zeroPoint: 131 };
const unsigned: PlanQuantization = { scale: 1, zeroPoint: 0 };
const written: PlanQuantization = { scale: 4, zeroPoint: 101 };

function weights(out: number, ...rest: number[]): { weight: Tensor; weightScale: Tensor } {
  const weight = scope(() =>
    whole([out, ...rest], 60)
      .clamp(-127, 127)
      .to('int8'),
  );
  return { weight, weightScale: powers(out) };
}

/** A map, or a range in the middle of a wider one. */
function makeMap(
  maker: PlanMaker,
  size: [number, number, number],
  quantization: PlanQuantization | null,
  wide = false,
): ValueId {
  const [channels, height, width] = size;
  const all = wide ? channels + 21 : channels;
  const map =
    quantization === null ? maker.map(all, height, width) : maker.bytes(all, height, width, quantization);
  return wide ? maker.range(map, 5, channels) : map;
}

/** The network's input as bytes: a convolution of one weight for each channel. */
function readBytes(
  maker: PlanMaker,
  input: number,
  quantization: PlanQuantization,
  output: ValueId,
  channels: number,
): void {
  maker.step({ op: 'int8Conv', input: { input }, output, ...identity(channels), quantization });
}

function makePre(maker: PlanMaker, kind: Fused['pre'], channels: number) {
  if (kind === undefined) return null;
  if (kind === 'relu') return { scale: null, shift: null, relu: true };
  if (kind === 'constants') {
    const [scale, shift] = [whole([channels], 2), whole([channels], 9)];
    return { scale: { constant: scale }, shift: { constant: shift }, relu: false };
  }
  const vector = (input: number) => {
    const value = maker.vector(channels);
    maker.step({ op: 'globalMean', input: maker.read(input), output: value });
    return { value };
  };
  return { scale: vector(1), shift: vector(2), relu: true };
}

function convPlan(given: ConvCase, fused: Fused): Plan {
  const [channels, out] = given.channels;
  const size = [channels, ...given.size] as [number, number, number];
  const outShape = [out, outSize(given, 0), outSize(given, 1)] as [number, number, number];
  const maker = new PlanMaker('float32', size, [channels, 2, 1], [channels, 2, 1], outShape);
  const pre = makePre(maker, fused.pre, channels);
  const own = pre?.relu ? unsigned : signed;
  let input: ValueId | { input: number } = { input: 0 };
  if (fused.input !== 'planar') {
    input = makeMap(maker, size, fused.input === 'bytes' ? signed : null, fused.ranges);
    if (fused.input === 'bytes') readBytes(maker, 0, signed, input, channels);
    else maker.step({ op: 'copy', input: maker.read(0), output: input });
  }
  let add: ValueId | null = fused.add === undefined ? null : maker.read(3);
  if (fused.add === 'bytes') {
    add = makeMap(maker, outShape, signed, fused.ranges);
    readBytes(maker, 3, signed, add, out);
  }
  const output = makeMap(maker, outShape, fused.output === 'bytes' ? written : null, fused.ranges);
  const [mean, variance] = fused.statistics ? [maker.vector(out), maker.vector(out)] : [null, null];
  const { kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = given;
  maker.step({
    op: 'int8Conv',
    ...{ input, output, stride, padding, dilation, pre, add, mean, variance },
    ...weights(out, channels, ...kernel),
    bias: fused.bias ? whole([out], 40) : null,
    relu: fused.relu ?? false,
    quantization: fused.input === 'bytes' ? null : own,
  });
  const shown = fused.output === 'bytes' ? showBytes(maker, output, outShape) : output;
  return maker.outputs(...[shown, mean, variance].filter((value) => value !== null));
}

/** Bytes as floats, by a convolution with one weight of 1 for each channel: plans give no bytes. */
function showBytes(maker: PlanMaker, bytes: ValueId, [channels, height, width]: [number, number, number]) {
  const shown = maker.map(channels, height, width);
  const { weight, weightScale } = identity(channels);
  maker.step({ op: 'int8Conv', input: bytes, output: shown, weight, weightScale });
  return shown;
}

function identity(channels: number): { weight: Tensor; weightScale: Tensor } {
  const weight = scope(() => {
    const eye = whole([channels, channels], 0);
    for (let i = 0; i < channels; i++) eye.narrow(0, i, 1).narrow(1, i, 1).fill_(1);
    return eye.reshape([channels, channels, 1, 1]).to('int8');
  });
  return { weight, weightScale: scope(() => whole([channels], 0).add(1)) };
}

/** Equal to the last bit; statistics, whose order of addition is free, to float32's precision. */
async function expectExact(
  plan: Plan,
  instructionSet: string,
  batches: number[],
  threads = 2,
): Promise<void> {
  const model = await CompiledModel.fromPlan<Tensor | Tensor[]>(plan, { threads, instructionSet });
  for (const batch of batches) {
    const inputs = plan.inputs.map(({ channels, height, width }) =>
      whole([batch, channels, height, width], 30),
    );
    const results = [await model.run(inputs)].flat();
    scope(() => compare(plan, results, interpret(plan, ...inputs)));
    for (const tensor of [...inputs, ...results]) tensor.dispose();
  }
  model.dispose();
}

function compare(plan: Plan, results: readonly Tensor[], wanted: Record<string, Tensor>): void {
  for (const [i, { name }] of plan.outputs.entries()) {
    const [got, want] = [results[i] as Tensor, wanted[name] as Tensor];
    const error = got.sub(want).abs().max().item() as number;
    const size = Math.max(1, want.abs().max().item() as number);
    expect(got.shape).toEqual(want.shape);
    if (i === 0) expect(error, 'largest difference').toBe(0);
    else expect(error / size, `statistics ${name}`).toBeLessThan(1e-5);
  }
}

describe.each(sets)('kernels of integers of %s agree with sums in float64', (instructionSet) => {
  describe.each(Object.keys(fusions))('from %s', (fusion) => {
    it.each(cases.map((given) => [nameOf(given), given] as const))('%s', async (_, given) => {
      await expectExact(convPlan(given, fusions[fusion] as Fused), instructionSet, [1, 3]);
    });
  });

  it.each([
    [1, 1],
    [3, 10],
    [100, 33],
    [512, 1000],
  ])('linear from %i to %i', async (from, to) => {
    for (const relu of [false, true]) {
      const maker = new PlanMaker('float32', [from, 1, 1]);
      const [x, output] = [maker.vector(from), maker.vector(to)];
      maker.step({ op: 'globalMean', input: maker.read(), output: x });
      const bias = relu ? whole([to], 50) : null;
      const own = { quantization: signed, ...weights(to, from), bias, relu };
      maker.step({ op: 'int8Linear', input: x, output, ...own });
      await expectExact(maker.outputs(output), instructionSet, [1, 2, 7]);
    }
  });

  // Some divisions have pieces of weights on either side of what a cache holds: each thread packs the input once for all.
  it.each([2, 3, 5, 6])('much weight for little map, on %i threads', async (threads) => {
    for (const channels of [
      [2048, 1856],
      [2048, 2048],
    ] as Pair[]) {
      const given = { channels, size: [5, 5] as Pair, kernel: [1, 1] as Pair };
      const plan = convPlan(given, fusions['floats to floats after relu, bytes added'] as Fused);
      await expectExact(plan, instructionSet, [1, 1], threads);
    }
  });

  it('the largest products that bytes have', async () => {
    const maker = new PlanMaker('float32', [4608, 2, 2]);
    const output = maker.map(3, 2, 2);
    const weight = scope(() => whole([3, 4608, 1, 1], 0).add(-127).to('int8'));
    const quantization = { scale: 0.125, zeroPoint: 0 };
    const own = { weight, weightScale: scope(() => whole([3], 0).add(1)), quantization };
    maker.step({ op: 'int8Conv', input: { input: 0 }, output, ...own });
    const model = await CompiledModel.fromPlan<Tensor>(maker.outputs(output), { threads: 1, instructionSet });
    const x = scope(() => whole([1, 4608, 2, 2], 0).add(1000));
    const y = await model.run(x);
    expect(y.max().item()).toBe(Math.fround(-127 * 4608 * 255 * 0.125));
    for (const tensor of [x, y]) tensor.dispose();
    model.dispose();
  });
});

describe('plans with bytes', () => {
  /** Whether the engine takes a plan that `change` spoilt. */
  async function refusal(change: (plan: Plan) => void): Promise<string> {
    const plan = convPlan(cases[4] as ConvCase, fusions['bytes to floats'] as Fused);
    change(plan);
    return (await rejection(CompiledModel.fromPlan(plan, { threads: 1 }))).message;
  }
  const last = (plan: Plan) => plan.steps.at(-1) as unknown as Record<string, unknown>;
  const bytes = (plan: Plan) =>
    plan.buffers.find(({ quantization }) => quantization) as Plan['buffers'][number];

  it('are refused where something else would read bytes', async () => {
    expect(
      await refusal((plan) => {
        const value = (plan.steps.at(-1) as { input: number }).input;
        plan.outputs[0] = { name: 'output', value };
      }),
    ).toContain('a value of floats');
    expect(
      await refusal((plan) => {
        Object.assign(last(plan), { op: 'apply', gate: null });
      }),
    ).toContain('a map or a vector of floats');
  });

  it('are refused with a scale or a zero point that bytes cannot have', async () => {
    for (const scale of [0, -1, 1e-60, 1e-42, Number.NaN])
      expect(
        await refusal((plan) => Object.assign(bytes(plan), { quantization: { scale, zeroPoint: 0 } })),
      ).toMatch(/scale, got/);
    const quantization = { scale: 1, zeroPoint: 256 };
    expect(await refusal((plan) => Object.assign(bytes(plan), { quantization }))).toContain('from 0 to 255');
  });

  it('are refused where a linear layer or statistics do not fit', async () => {
    const linear = (own: object) => {
      const maker = new PlanMaker('float32', [8, 1, 1]);
      const input = maker.vector(8);
      maker.step({ op: 'globalMean', input: maker.read(), output: input });
      const output = maker.vector(4);
      const all = { quantization: signed, ...weights(4, 8), relu: false, ...own };
      maker.step({ op: 'int8Linear', input, output, ...all } as never);
      return rejection(CompiledModel.fromPlan(maker.outputs(output), { threads: 1 }));
    };
    expect((await linear({ weight: randn([4, 8]) })).message).toContain('int8');
    expect((await linear({ quantization: null })).message).toContain('quantization');
    expect((await linear(weights(4, 9))).message).toContain('9');
    const spoilt = (mean: object) =>
      refusal((plan) => {
        const buffer = {
          kind: 'vector',
          channels: 100,
          height: 1,
          width: 1,
          offset: plan.arenaBytes,
        } as const;
        plan.arenaBytes += 448;
        plan.buffers.push(buffer);
        const value = plan.values.push({ buffer: plan.buffers.length - 1, from: 0, channels: 100 }) - 1;
        Object.assign(last(plan), { mean: value, ...mean });
      });
    expect(await spoilt({ relu: true })).toContain('no relu beside statistics');
  });

  it('are refused with other weights than the step says', async () => {
    expect(await refusal((plan) => Object.assign(last(plan), { groups: 2 }))).toContain('groups');
    expect(await refusal((plan) => Object.assign(last(plan), { weight: randn([100, 64, 1, 1]) }))).toContain(
      'int8',
    );
    expect(await refusal((plan) => Object.assign(last(plan), { quantization: signed }))).toContain('null');
    expect(await refusal((plan) => Object.assign(last(plan), { weightScale: randn([99]) }))).toContain(
      '[100]',
    );
  });
});
