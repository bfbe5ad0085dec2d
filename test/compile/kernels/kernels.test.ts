import { beforeAll, describe, it } from 'vitest';
import type { PlanAffine, PlanVector, ValueId } from '../../../lib/compile/cpu/plan.ts';
import type { PlanDType } from '../../../lib/compile/plan-options.ts';
import { manualSeed, setNumThreads, tensor } from '../../../lib/tensor/index.ts';
import { expectPlan, floatSets, PlanMaker } from '../plan-maker.ts';
import { type ConvCase, nameOf, outSize } from './conv-cases.ts';

const sets = floatSets();
const dtypes: PlanDType[] = ['float32', 'bfloat16'];
const kinds = sets.flatMap((instructionSet) => dtypes.map((dtype) => [instructionSet, dtype] as const));

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

const convs: ConvCase[] = [
  { channels: [3, 64], size: [33, 31], kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { channels: [1, 1], size: [1, 1], kernel: [1, 1] },
  { channels: [5, 7], size: [3, 2], kernel: [1, 1] },
  { channels: [16, 48], size: [7, 7], kernel: [1, 1], stride: [2, 2] },
  { channels: [64, 100], size: [9, 5], kernel: [1, 1] },
  { channels: [33, 129], size: [14, 14], kernel: [1, 1] },
  { channels: [256, 64], size: [8, 8], kernel: [1, 1] },
  { channels: [8, 8], size: [1, 1], kernel: [3, 3], padding: [1, 1] },
  { channels: [13, 17], size: [5, 11], kernel: [3, 3], padding: [1, 1] },
  { channels: [64, 64], size: [14, 14], kernel: [3, 3], padding: [1, 1] },
  { channels: [32, 40], size: [28, 27], kernel: [3, 3], padding: [1, 1] },
  { channels: [16, 32], size: [13, 12], kernel: [3, 3], padding: [0, 0] },
  { channels: [32, 64], size: [15, 14], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { channels: [24, 24], size: [12, 12], kernel: [3, 3], padding: [2, 2], dilation: [2, 2] },
  { channels: [32, 40], size: [25, 19], kernel: [3, 3], padding: [4, 3], dilation: [4, 3] },
  { channels: [24, 33], size: [31, 30], kernel: [3, 3], padding: [1, 6], dilation: [2, 6] },
  { channels: [24, 24], size: [16, 16], kernel: [3, 3], padding: [18, 18], dilation: [18, 18] },
  { channels: [10, 6], size: [9, 9], kernel: [3, 5], stride: [2, 1], padding: [1, 2], dilation: [1, 2] },
  { channels: [6, 4], size: [6, 6], kernel: [2, 2], padding: [1, 1] },
  { channels: [64, 64], size: [10, 10], kernel: [3, 3], padding: [1, 1], groups: 32 },
  { channels: [96, 192], size: [7, 7], kernel: [3, 3], stride: [2, 2], padding: [1, 1], groups: 4 },
  { channels: [12, 12], size: [6, 5], kernel: [3, 3], padding: [1, 1], groups: 12 },
  { channels: [15, 10], size: [4, 4], kernel: [1, 1], groups: 5 },
  { channels: [32, 32], size: [15, 31], kernel: [3, 3], padding: [1, 1], groups: 8 },
  { channels: [64, 64], size: [16, 15], kernel: [3, 3], stride: [2, 2], padding: [1, 1], groups: 8 },
  { channels: [32, 32], size: [7, 14], kernel: [3, 3], padding: [2, 0], groups: 2 },
  { channels: [32, 32], size: [9, 8], kernel: [3, 3], stride: [2, 1], padding: [1, 1], groups: 8 },
];

/** What may be fused to a convolution. */
interface Fused {
  planar?: boolean;
  bias?: boolean;
  pre?: 'constants' | 'values' | 'relu';
  add?: 'other' | 'output';
  relu?: boolean;
  statistics?: 'mean' | 'both';
  /** Input and output are ranges of wider maps. */
  ranges?: boolean;
}

const fusions: Record<string, Fused> = {
  plain: {},
  'from the input, with bias and relu': { planar: true, bias: true, relu: true },
  'with a norm and relu before, statistics after': { bias: true, pre: 'constants', statistics: 'both' },
  'with an instance norm before, an addition and relu after': { pre: 'values', add: 'other', relu: true },
  'in place of what is added, with its mean': { pre: 'relu', bias: true, add: 'output', statistics: 'mean' },
  'between ranges of channels': { ranges: true, pre: 'constants', relu: true },
  'between ranges of channels, statistics after': { ranges: true, statistics: 'both' },
};

const constant = (maker: PlanMaker, channels: number): PlanVector => ({ constant: maker.weight(channels) });

/** Scale and shift of each image: means of an input of the plan's own. */
function perImage(maker: PlanMaker, input: number, channels: number): PlanVector {
  const value = maker.vector(channels);
  maker.step({ op: 'globalMean', input: maker.read(input), output: value });
  return { value };
}

function makePre(maker: PlanMaker, kind: Fused['pre'], channels: number): PlanAffine | null {
  if (kind === undefined) return null;
  if (kind === 'relu') return { scale: null, shift: null, relu: true };
  const vector = (input: number) =>
    kind === 'constants' ? constant(maker, channels) : perImage(maker, input, channels);
  return { scale: vector(1), shift: vector(2), relu: true };
}

/** A map, or a range in the middle of a wider one. */
function makeMap(maker: PlanMaker, channels: number, height: number, width: number, wide: boolean): ValueId {
  return wide
    ? maker.range(maker.map(channels + 21, height, width), 5, channels)
    : maker.map(channels, height, width);
}

function convPlan(given: ConvCase, fused: Fused, dtype: PlanDType) {
  const [channels, out] = given.channels;
  const size = [channels, ...given.size] as [number, number, number];
  const maker = new PlanMaker(
    dtype,
    size,
    [channels, 2, 1],
    [channels, 2, 1],
    [out, outSize(given, 0), outSize(given, 1)],
  );
  const pre = makePre(maker, fused.pre, channels);
  let input: ValueId | { input: number } = { input: 0 };
  if (!fused.planar) {
    input = makeMap(maker, ...size, fused.ranges === true);
    maker.step({ op: 'copy', input: maker.read(0), output: input });
  }
  const output = makeMap(maker, out, outSize(given, 0), outSize(given, 1), fused.ranges === true);
  const add = fused.add === undefined ? null : fused.add === 'output' ? output : maker.read(3);
  if (fused.add === 'output') maker.step({ op: 'copy', input: maker.read(3), output });
  const mean = fused.statistics ? maker.vector(out) : null;
  const variance = fused.statistics === 'both' ? maker.vector(out) : null;
  const { kernel, stride, padding, dilation, groups = 1 } = given;
  maker.step({
    op: 'conv',
    input,
    output,
    weight: maker.weight(out, channels / groups, ...kernel),
    ...(fused.bias ? { bias: maker.weight(out) } : {}),
    ...(stride ? { stride } : {}),
    ...(padding ? { padding } : {}),
    ...(dilation ? { dilation } : {}),
    groups,
    pre,
    add,
    relu: fused.relu ?? false,
    mean,
    variance,
  });
  return maker.outputs(...[output, mean, variance].filter((value) => value !== null));
}

describe.each(kinds)('kernels of %s in %s agree with eager', (instructionSet, dtype) => {
  const options = { instructionSet };

  describe.each(Object.keys(fusions))('convolutions %s', (fusion) => {
    it.each(convs.map((given) => [nameOf(given), given] as const))('%s', async (_, given) => {
      await expectPlan(convPlan(given, fusions[fusion] as Fused, dtype), options);
    });
  });

  // Some divisions have pieces of weights on either side of what a cache holds: each thread packs the input once for all.
  it.each([2, 3, 5, 6, 7])('convolutions with much weight for little map, on %i threads', async (threads) => {
    for (const channels of [
      [2048, 448],
      [2048, 512],
      [1024, 1000],
    ] as [number, number][]) {
      for (const size of [
        [5, 5],
        [7, 7],
      ] as [number, number][]) {
        const plan = convPlan({ channels, size, kernel: [1, 1] }, { bias: true }, dtype);
        await expectPlan(plan, { ...options, threads }, [1, 1, 1]);
      }
    }
  });

  it.each([1, 3, 16, 37, 64, 130])('pooling of %i channels', async (channels) => {
    for (const [kernel, stride, padding, round] of [
      [3, 2, 1, Math.floor],
      [2, 2, 0, Math.floor],
      [3, 1, 1, Math.floor],
      [5, 3, 2, Math.floor],
      // ceil_mode, of which 11 has a last window and 8 has none, and the other way round
      [2, 2, 0, Math.ceil],
      [3, 2, 0, Math.ceil],
      [5, 3, 2, Math.ceil],
    ] as const) {
      const out = (size: number) => round((size + 2 * padding - kernel) / stride) + 1;
      for (const [op, countIncludePad] of [
        ['maxPool', true],
        ['avgPool', true],
        ['avgPool', false],
      ] as const) {
        const maker = new PlanMaker(dtype, [channels, 11, 8]);
        const output = makeMap(maker, channels, out(11), out(8), channels % 2 === 1);
        const pre = op === 'avgPool' ? makePre(maker, 'constants', channels) : null;
        maker.step({
          op,
          input: maker.read(),
          output,
          kernel: [kernel, kernel],
          stride: [stride, stride],
          padding: [padding, padding],
          countIncludePad,
          pre,
        });
        await expectPlan(maker.outputs(output), options, [2]);
      }
    }
  });

  it.each([1, 3, 16, 37, 64, 200])('means and statistics of %i channels', async (channels) => {
    for (const [height, width] of [
      [1, 1],
      [7, 7],
      [13, 5],
    ] as const) {
      const maker = new PlanMaker(dtype, [channels, height, width]);
      const x = maker.range(makeMap(maker, channels + 4, height, width, false), 3, channels);
      maker.step({ op: 'copy', input: maker.read(), output: x });
      const [plain, changed, mean, variance] = [0, 1, 2, 3].map(() => maker.vector(channels)) as [0, 0, 0, 0];
      maker.step({ op: 'globalMean', input: x, output: plain });
      maker.step({ op: 'globalMean', input: x, output: changed, pre: makePre(maker, 'constants', channels) });
      maker.step({ op: 'statistics', input: x, mean, variance });
      await expectPlan(maker.outputs(plain, changed, mean, variance), options);
    }
  });

  it.each([1, 5, 16, 33, 64])('element-wise steps on %i channels', async (channels) => {
    const size = [channels, 5, 7] as [number, number, number];
    const maker = new PlanMaker(dtype, size, [channels, 2, 2], [channels, 2, 2], size);
    const gate = (perImage(maker, 1, channels) as { value: ValueId }).value;
    const [a, b] = [maker.read(0), maker.read(3)];
    const outputs = [0, 1, 2, 3, 4].map((i) => makeMap(maker, ...size, i % 2 === 1)) as [0, 0, 0, 0, 0];
    maker.step({ op: 'apply', input: a, output: outputs[0], gate, add: b, relu: true });
    maker.step({
      op: 'apply',
      input: a,
      output: outputs[1],
      pre: makePre(maker, 'values', channels),
      add: b,
    });
    maker.step({
      op: 'apply',
      input: a,
      output: outputs[2],
      pre: makePre(maker, 'constants', channels),
      gate,
    });
    maker.step({ op: 'copy', input: a, output: outputs[3] });
    maker.step({ op: 'copy', input: b, output: outputs[4] });
    maker.step({ op: 'apply', input: outputs[3], output: outputs[3], relu: true });
    maker.step({ op: 'apply', input: a, output: outputs[4], add: outputs[4] });
    await expectPlan(maker.outputs(...outputs), options);
  });

  it.each([
    [1, 1],
    [3, 10],
    [64, 4],
    [100, 33],
    [512, 1000],
  ])('linear from %i to %i', async (from, to) => {
    const maker = new PlanMaker(dtype, [from, 2, 2]);
    const x = maker.vector(from);
    maker.step({ op: 'globalMean', input: maker.read(), output: x });
    const outputs = (['none', 'relu', 'sigmoid'] as const).map((activation, i) => {
      const output = maker.vector(to);
      const bias = i === 0 ? null : maker.weight(to);
      maker.step({ op: 'linear', input: x, output, weight: maker.weight(to, from), bias, activation });
      return output;
    });
    await expectPlan(maker.outputs(...outputs), options, [1, 2, 7]);
  });

  it('instance norms of some channels, with and without weights', async () => {
    const channels = 45;
    const maker = new PlanMaker(dtype, [channels, 6, 7]);
    const x = maker.read();
    const [mean, variance, scale, shift] = [0, 1, 2, 3].map(() => maker.vector(channels)) as [0, 0, 0, 0];
    maker.step({ op: 'statistics', input: x, mean, variance });
    const part = { mean, variance, eps: 1e-5 };
    maker.step({
      op: 'instanceAffine',
      baseScale: maker.weight(channels),
      baseShift: maker.weight(channels),
      parts: [
        { ...part, channel: 0, count: 20, from: 0, weight: maker.weight(20), bias: maker.weight(20) },
        { ...part, channel: 30, count: 7, from: 33, weight: null, bias: null, eps: 0.1 },
      ],
      scale,
      shift,
    });
    const output = maker.map(channels, 6, 7);
    const pre = { scale: { value: scale }, shift: { value: shift }, relu: true };
    maker.step({ op: 'apply', input: x, output, pre });
    await expectPlan(maker.outputs(output, scale, shift), options);
  });

  it('ops of libtorch', async () => {
    const maker = new PlanMaker(dtype, [5, 6, 7]);
    const x = maker.read();
    const [wide, y, z] = [maker.map(12, 6, 7), maker.map(5, 6, 7), maker.vector(5)];
    const args = (value: ValueId, ...literals: unknown[]) => [
      { value },
      ...literals.map((literal) => ({ literal })),
    ];
    const part = maker.range(wide, 3, 5);
    maker.step({ op: 'aten', operator: 'aten::hardtanh', args: args(x, -0.5, 0.5), output: part });
    maker.step({
      op: 'aten',
      operator: 'aten::mul',
      overload: 'Tensor',
      args: args(part, tensor(2)),
      output: y,
    });
    maker.step({ op: 'aten', operator: 'aten::amax', args: args(y, [2, 3]), output: z });
    await expectPlan(maker.outputs(y, z), options);
  });
});
