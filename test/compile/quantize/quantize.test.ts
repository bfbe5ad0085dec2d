import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import { buildPlan, buildRecorded } from '../../../lib/compile/cpu/lower.ts';
import { quantizeGraph } from '../../../lib/compile/cpu/quantize-graph.ts';
import { Recording } from '../../../lib/compile/cpu/recording.ts';
import { compile, loadCompiled, type Quantization, quantize } from '../../../lib/compile/index.ts';
import { engine } from '../../../lib/compile/native.ts';
import { getModel } from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  inferenceMode,
  manualSeed,
  memoryStats,
  randn,
  scope,
  type Tensor,
  zeros,
} from '../../../lib/tensor/index.ts';
import { interpret } from '../../helpers/plan-interpreter.ts';
import { rejection } from '../plan-maker.ts';

const SHAPE = [1, 3, 64, 64] as const;
const folder = mkdtempSync(join(tmpdir(), 'ibn-int8-'));
let model: nn.Module & { forward(x: Tensor): Tensor };
let images: Tensor;
let quantization: Quantization;

beforeAll(async () => {
  manualSeed(0);
  model = getModel('resnet18_ibn_a') as typeof model;
  model.eval();
  images = randn([6, 3, 64, 64]);
  quantization = await quantize(model, { calibration: images, firstAndLast: 'float32' });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const tensor of [images, ...model.parameters(), ...model.buffers()]) tensor.dispose();
});

function relativeError(got: Tensor, want: Tensor): number {
  return scope(() => {
    const size = want.square().sum().sqrt().item() as number;
    return (got.sub(want).square().sum().sqrt().item() as number) / size;
  });
}

const layerOf = (found: Quantization, name: string) => found.layers.find((layer) => layer.name === name);

describe('a quantised network', () => {
  it('gives nearly what the network gives, and says how nearly', async () => {
    const fast = await compile(model, { inputs: [SHAPE], quantization });
    const got = await fast.run(images);
    const error = relativeError(
      got,
      inferenceMode(() => model.forward(images)),
    );
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(0.1);
    expect(Math.abs(error - quantization.error)).toBeLessThan(1e-3);
    fast.dispose();
  });

  it('gives what its plan gives step by step, whatever the instruction set', async () => {
    const finish = (graph: Parameters<typeof quantizeGraph>[0]) => quantizeGraph(graph, quantization);
    for (const instructionSet of engine.instructionSets()) {
      const recording = new Recording(model, [SHAPE]);
      const plan = await buildRecorded(recording, { inputs: [SHAPE] }, finish);
      recording.dispose();
      const wanted = interpret(plan, images).output as Tensor;
      const fast = await CompiledModel.fromPlan<Tensor>(plan, { instructionSet, threads: 2 });
      // A sum that rounds the other way is another byte, whose part of the output is small.
      expect(relativeError(await fast.run(images), wanted)).toBeLessThan(0.01);
      fast.dispose();
    }
  });

  it('keeps maps between its layers as bytes, and those that statistics are taken of as floats', async () => {
    const fast = await compile(model, { inputs: [SHAPE], quantization });
    const rows = fast.explain().split('\n');
    const row = (name: string) => rows.find((line) => line.includes(` ${name} `)) as string;
    expect(row('layer4.1.conv1')).toMatch(/int8Conv.*512x2x2 uint8 .*relu/);
    expect(row('layer1.0.conv1')).toMatch(/int8Conv.*64x16x16 .*statistics/);
    expect(row('layer1.0.conv1')).not.toContain('uint8');
    expect(row('conv1')).toMatch(/ conv /);
    expect(row('fc')).toMatch(/ linear /);
    fast.dispose();
  });

  it('takes any batch, and answers each image as it does alone', async () => {
    const fast = await compile(model, { inputs: [SHAPE], quantization, threads: 2 });
    const all = await fast.run(images);
    for (let i = 0; i < 6; i++) {
      const one = await fast.run(images.narrow(0, i, 1));
      expect(one.toArray()).toEqual(all.narrow(0, i, 1).toArray());
    }
    fast.dispose();
  });

  it('comes from a file as it went in', async () => {
    const path = join(folder, 'int8.ibn');
    const fast = await compile(model, { inputs: [SHAPE], quantization, keepWeights: true });
    fast.save(path);
    const loaded = await loadCompiled<Tensor>(path);
    expect((await loaded.run(images)).toArray()).toEqual((await fast.run(images)).toArray());
    expect(loaded.explain()).toBe(fast.explain());
    for (const each of [fast, loaded]) each.dispose();
  });

  it('is described by plain data, which JSON holds', async () => {
    const copy = JSON.parse(JSON.stringify(quantization)) as Quantization;
    expect(copy).toEqual(quantization);
    const [fast, same] = [
      await compile(model, { inputs: [SHAPE], quantization }),
      await compile(model, { inputs: [SHAPE], quantization: copy }),
    ];
    expect((await same.run(images)).toArray()).toEqual((await fast.run(images)).toArray());
    for (const each of [fast, same]) each.dispose();
  });

  it('is not changed by training that comes after', async () => {
    const own = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), new nn.Conv2d(8, 4, 3)).eval();
    const calibration = randn([2, 3, 12, 12]);
    const found = await quantize(own, { calibration, firstAndLast: 'int8' });
    const fast = await compile(own, { inputs: [[1, 3, 12, 12]], quantization: found, keepWeights: true });
    const before = (await fast.run(calibration)).toArray();
    for (const parameter of own.parameters()) inferenceMode(() => parameter.zero_());
    expect((await fast.run(calibration)).toArray()).toEqual(before);
    fast.dispose();
  });
});

describe('quantize', () => {
  it('sees the least and the largest of what a layer reads and writes', async () => {
    const conv = new nn.Conv2d(2, 3, 1);
    const net = new nn.Sequential(conv, new nn.ReLU(), new nn.Conv2d(3, 1, 1)).eval();
    const calibration = randn([5, 2, 4, 4]);
    const found = await quantize(net, { calibration, observer: 'minmax', firstAndLast: 'int8' });
    const middle = inferenceMode(() => conv.forward(calibration).relu());
    const [first, second] = found.layers;
    expect(first?.input.min).toBe(calibration.min().item());
    expect(first?.input.max).toBe(calibration.max().item());
    expect(first?.output.max).toBeCloseTo(middle.max().item() as number, 5);
    expect(second?.input).toEqual(first?.output);
    expect(found).toMatchObject({ version: 1, observer: 'minmax', images: 5, inputs: [2, 4, 4] });
  });

  it('leaves outliers out, by percentile and by entropy', async () => {
    const net = new nn.Sequential(new nn.Conv2d(1, 1, 1)).eval();
    const calibration = randn([8, 1, 64, 64]);
    inferenceMode(() => calibration.narrow(0, 0, 1).narrow(2, 0, 1).narrow(3, 0, 1).fill_(500));
    const inputOf = async (observer: 'minmax' | 'percentile' | 'entropy', percentile?: number) => {
      const own = percentile === undefined ? {} : { percentile };
      const found = await quantize(net, { calibration, observer, ...own, maxError: 1e9 });
      return found.layers[0]?.input as { min: number; max: number };
    };
    expect((await inputOf('minmax')).max).toBe(500);
    // 99 % of normal numbers are below 2.326 on each side; bins are a quarter wide here.
    const { min, max } = await inputOf('percentile', 99);
    expect(max).toBeGreaterThan(2.3);
    expect(max).toBeLessThan(2.6);
    expect(min).toBeGreaterThan(-2.6);
    expect(min).toBeLessThan(-2.3);
    expect((await inputOf('entropy')).max).toBeLessThan(100);
  });

  it('takes batches of every kind', async () => {
    const net = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
    const [a, b] = [randn([3, 3, 9, 9]), randn([2, 3, 9, 9])];
    async function* loader() {
      yield [a, zeros([3])] as const;
      yield [b, zeros([2])] as const;
    }
    const fromLoader = await quantize(net, { calibration: loader() as AsyncIterable<[Tensor, Tensor]> });
    expect(await quantize(net, { calibration: [a, b] })).toEqual(fromLoader);
    expect(fromLoader.images).toBe(5);
  });

  it('keeps what it is told to keep, what has no kernel, and the first and last layer', async () => {
    const found = await quantize(model, { calibration: images, keep: ['layer2'], firstAndLast: 'float32' });
    expect(layerOf(found, 'layer2.0.conv1')).toMatchObject({ precision: 'float32', reason: 'asked for' });
    expect(layerOf(found, 'layer3.0.conv1')?.precision).toBe('int8');
    expect(layerOf(found, 'conv1')).toMatchObject({ precision: 'float32', reason: 'first or last' });
    const all = await quantize(model, { calibration: images });
    expect(all.layers.every(({ precision }) => precision === 'int8')).toBe(true);
    const grouped = new nn.Sequential(new nn.Conv2d(4, 4, 3, { groups: 2 })).eval();
    const own = await quantize(grouped, { calibration: randn([2, 4, 8, 8]), firstAndLast: 'int8' });
    expect(own.layers[0]).toMatchObject({ precision: 'float32', reason: 'no kernel of integers' });
  });

  it('keeps the layers that lose most, as few as bring the error down', async () => {
    const most = quantization.error / 2;
    const found = await quantize(model, { calibration: images, firstAndLast: 'float32', maxError: most });
    const kept = found.layers.filter(({ reason }) => reason?.startsWith('alone'));
    expect(found.error).toBeLessThanOrEqual(most);
    expect(kept.length).toBeGreaterThan(0);
    expect(found.layers.filter(({ precision }) => precision === 'int8').length).toBeGreaterThan(0);
    const fast = await compile(model, { inputs: [SHAPE], quantization: found });
    const got = await fast.run(images);
    const want = inferenceMode(() => model.forward(images));
    expect(relativeError(got, want)).toBeLessThanOrEqual(most * 1.05);
    fast.dispose();
  });

  it('leaves no tensors behind', async () => {
    const net = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
    const calibration = randn([3, 3, 9, 9]);
    const before = memoryStats().tensors;
    await quantize(net, { calibration });
    expect(memoryStats().tensors).toBe(before);
  });
});

describe('quantize refuses', () => {
  const net = () => new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Conv2d(4, 2, 3)).eval();
  const good = () => randn([2, 3, 9, 9]);
  const refusal = async (options: object) => rejection(quantize(net(), options as { calibration: Tensor }));

  it('no images', async () => {
    expect((await refusal({})).message).toMatch(/Expected images for quantize calibration, got undefined/);
    expect((await refusal({ calibration: [] })).message).toMatch(/got none; pass some hundred/);
    expect((await refusal({ calibration: [7] })).message).toMatch(/Expected a Tensor .* got number/);
  });

  it('images of other shapes, dtypes and numbers', async () => {
    expect((await refusal({ calibration: randn([3, 9, 9]) })).message).toMatch(
      /shape \[N, C, H, W\].*\[3, 9, 9\]/,
    );
    expect((await refusal({ calibration: [good(), randn([1, 3, 8, 8])] })).message).toMatch(
      /shape \[N, 3, 9, 9\] for quantize calibration after image 2, got \[1, 3, 8, 8\]/,
    );
    expect((await refusal({ calibration: good().to('float64') })).message).toMatch(/float32 Tensor.*float64/);
    const nan = good();
    inferenceMode(() => nan.narrow(0, 1, 1).fill_(Number.NaN));
    expect((await refusal({ calibration: nan })).message).toMatch(/finite numbers .* got NaN/);
    expect((await refusal({ calibration: randn([1, 4, 9, 9]) })).name).toBe('CompileError');
  });

  it('a network that gives NaN, naming the layer', async () => {
    const broken = net();
    inferenceMode(() => [...broken.parameters()][2]?.fill_(Number.NaN));
    expect((await rejection(quantize(broken, { calibration: good() }))).message).toMatch(
      /finite numbers of every layer .* of 2 for calibration images 0 to 1/,
    );
  });

  it('a network without a layer that could be quantised', async () => {
    const net = new nn.Sequential(new nn.ReLU()).eval();
    expect((await rejection(quantize(net, { calibration: good() }))).message).toMatch(
      /convolutions or linear layers for quantize, got none/,
    );
  });

  it('wrong options', async () => {
    const calibration = good();
    const tries: [object, RegExp][] = [
      [{ observer: 'mean' }, /"minmax" or "percentile" or "entropy" .* got "mean"/],
      [{ percentile: 101 }, /percentile, got 101/],
      [{ percentile: '99' }, /a number for quantize percentile, got string/],
      [{ maxError: 0 }, /maxError, got 0/],
      [{ errorImages: 0 }, /errorImages, got 0/],
      [{ keep: 'layer1' }, /an array of paths/],
      [{ keep: ['layer9'] }, /path of a layer for quantize keep, got "layer9"; layers: 0, 2/],
      [{ firstAndLast: 'no' }, /"float32" or "int8"/],
      [{ threads: 0 }, /threads, got 0/],
      [{ obsever: 'minmax' }, /did you mean observer/],
    ];
    for (const [options, text] of tries)
      expect((await refusal({ calibration, ...options })).message).toMatch(text);
    expect((await rejection(quantize({} as nn.Module, { calibration }))).message).toMatch(
      /Expected a Module/,
    );
    const training = net().train();
    expect((await rejection(quantize(training, { calibration }))).message).toMatch(/evaluation mode/);
  });
});

describe('compile refuses a quantization', () => {
  const refusal = async (options: object) =>
    (await rejection(compile(model, { inputs: [SHAPE], ...(options as { quantization: Quantization }) })))
      .message;

  it('of another network', async () => {
    const net = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
    const other = await quantize(net, { calibration: randn([2, 3, 64, 64]) });
    expect(await refusal({ quantization: other })).toMatch(
      /quantization of this network .* layer 0 is conv1 of \[64, 3, 7, 7\], got 0 of \[4, 3, 3, 3\]/,
    );
    const short = { ...quantization, layers: quantization.layers.slice(0, -1) };
    expect(await refusal({ quantization: short })).toMatch(/layer 20 is fc .* got none/);
  });

  it('of other weights, and weights that are no numbers', async () => {
    const net = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
    const own = await quantize(net, {
      calibration: randn([2, 3, 16, 16]),
      maxError: 1,
      firstAndLast: 'int8',
    });
    const asked = { inputs: [[1, 3, 16, 16]], quantization: own };
    for (const [value, text] of [
      [7, /weights that the quantization for compile was made with, the largest of 0 being .* got 7/],
      [Number.NaN, /weights that the quantization/],
    ] as const) {
      inferenceMode(() => [...net.parameters()][0]?.narrow(0, 0, 1).fill_(value));
      expect((await rejection(compile(net, asked))).message).toMatch(text);
    }
  });

  it('for bfloat16, for CUDA and for weights that change', async () => {
    expect(await refusal({ quantization, dtype: 'bfloat16' })).toMatch(/"float32" for compile dtype/);
    expect(await refusal({ quantization, refoldable: true })).toMatch(/no refoldable with a quantization/);
    expect(await refusal({ quantization, device: 'cuda' })).toMatch(/"cpu" for compile device/);
  });

  it('that is none', async () => {
    expect(await refusal({ quantization: 'int8' })).toMatch(/options object for compile quantization/);
    expect(await refusal({ quantization: { version: 2 } })).toMatch(/version 1/);
    expect(await refusal({ quantization: { version: 1 } })).toMatch(
      /an array for compile quantization.layers/,
    );
    const [first, ...rest] = quantization.layers;
    const broken = { ...first, input: { min: 1, max: Number.NaN } };
    expect(await refusal({ quantization: { ...quantization, layers: [broken, ...rest] } })).toMatch(
      /layers\[0\]/,
    );
  });

  it('with integers for a layer that has no kernel of them', async () => {
    const grouped = new nn.Sequential(new nn.Conv2d(4, 4, 3, { groups: 2 })).eval();
    const found = await quantize(grouped, { calibration: randn([2, 4, 8, 8]) });
    const [layer] = found.layers as [Quantization['layers'][number]];
    layer.precision = 'int8';
    const options = { inputs: [[1, 4, 8, 8]], quantization: found };
    expect((await rejection(compile(grouped, options))).message).toMatch(/"float32" for the precision of 0/);
  });
});

it('a plan without a quantisation has no steps of integers', () => {
  expect(buildPlan(model, { inputs: [SHAPE] }).steps.some(({ op }) => op.startsWith('int8'))).toBe(false);
});
