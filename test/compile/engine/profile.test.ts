import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CompiledModel,
  compile,
  loadCompiled,
  type CompiledModel as Model,
  manualSeed,
  models,
  nn,
  ones,
  quantize,
  randn,
  setNumThreads,
} from '../../../lib/index.ts';
import { tmp } from '../../helpers/index.ts';
import { rejection } from '../plan-maker.ts';

beforeAll(() => setNumThreads(1));

/** 3x3 over 16x16 with a bias, pooled, then a linear layer. */
const network = () =>
  new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { stride: 2, padding: 1, groups: 2 }),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(16, 5),
  ).eval();
const inputs = [[1, 3, 16, 16]];
const x = (images: number) => randn([images, 3, 16, 16]);

describe('profile', () => {
  it('counts the arithmetic and the bytes of each step', async () => {
    await using fast = await compile(network(), { inputs, threads: 1 });
    const images = 3;
    const { steps, flops } = await fast.profile(x(images), { runs: 2 });
    const convolutions = steps.filter(({ op }) => op === 'conv');
    const first = 2 * (8 * 3 * 9) * 16 * 16;
    const second = 2 * (16 * 4 * 9) * 8 * 8;
    expect(convolutions.map((step) => step.flops)).toEqual([first * images, second * images]);
    expect(steps.find(({ op }) => op === 'linear')?.flops).toBe(2 * 16 * 5 * images);
    expect(flops).toBe((first + second + 2 * 16 * 5) * images);
    expect(convolutions.map(({ name }) => name)).toEqual(['0', '2']);
    const [{ bytes } = { bytes: 0 }] = convolutions;
    expect(bytes).toBe(4 * (3 * 256 + 8 * 256) * images + 4 * (8 * 27 + 8));
  });

  it('has rates and shares that follow from times, and parts that make the whole', async () => {
    await using fast = await compile(models.resnet18_ibn_a({ widths: [8, 8, 8, 8] }).eval(), {
      inputs: [[1, 3, 64, 64]],
      threads: 1,
    });
    const profile = await fast.profile(randn([2, 3, 64, 64]), { runs: 3 });
    const inside = profile.steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    expect(inside).toBeGreaterThan(0);
    expect(inside + profile.outsideMilliseconds).toBeCloseTo(profile.milliseconds, 6);
    expect(profile.steps.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    const peak = profile.peakGflops as number;
    expect(peak).toBeGreaterThan(0);
    for (const { gflops, flops, milliseconds, peakShare } of profile.steps) {
      expect(gflops).toBeCloseTo(flops / milliseconds / 1e6, 6);
      expect(peakShare).toBeCloseTo(gflops / peak, 9);
    }
    expect(profile).toMatchObject({ images: 2, runs: 3, threads: 1 });
    expect(profile.steps.map(({ op }) => op)).toEqual(fast.stats().steps.map(({ op }) => op));
  });

  it('divides times that several threads measure apart', async () => {
    await using fast = await compile(network(), { inputs, threads: 2 });
    for (const images of [1, 4]) {
      const profile = await fast.profile(x(images), { runs: 30, peak: false });
      const inside = profile.steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
      expect(inside).toBeLessThanOrEqual(profile.milliseconds);
    }
    expect((await rejection(fast.profile(x(3)))).message).toMatchInlineSnapshot(
      `"Expected fewer images than the model's 2 threads for profile, or a multiple of them, got 3: some would be computed by one thread each and some by all"`,
    );
    expect((await rejection(fast.profile(x(0)))).message).toMatchInlineSnapshot(
      `"Expected at least 1 image for profile, got none"`,
    );
  });

  it('is a table that names modules, kernels and the whole', async () => {
    await using fast = await compile(network(), { inputs, threads: 1 });
    const text = String(await fast.profile(x(1), { runs: 1, peak: false }));
    const [head, , ...lines] = text.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(head).toEqual([
      '#',
      'Step',
      'Module',
      'Algorithm',
      'ms',
      '%',
      'GFLOP/s',
      '% of peak',
      'MB',
      'GB/s',
    ]);
    expect(lines.slice(0, 3).map((cells) => cells.slice(0, 3).join(' '))).toEqual([
      '0 conv 0',
      '1 conv 2',
      '2 linear 5',
    ]);
    const { instructionSet } = fast.stats();
    expect(lines[4]).toEqual([`1 image on 1 thread (${instructionSet}), mean of 1 run`]);
    expect(lines[5]?.[0]).toMatch(/^[\d.]+ ms, [\d.]+ of them outside of steps; [\d.]+ GFLOP\/s$/);
  });

  it('is there for models from files and of other threads, and of bfloat16', async () => {
    const path = join(tmp(), 'model.ibn');
    await using fast = await compile(network(), { inputs, threads: 1, keepWeights: true, dtype: 'bfloat16' });
    fast.save(path);
    await using loaded = await loadCompiled(path, { threads: 1 });
    await using shared: Model = CompiledModel.fromShared(loaded.share());
    const flops = await Promise.all(
      [fast, loaded].map(async (model) => (await model.profile(x(2), { runs: 1 })).flops),
    );
    expect(flops).toEqual([flops[0], flops[0]]);
    expect((await shared.profile(x(2), { runs: 1, peak: false })).flops).toBe(flops[0]);
  });

  it('draws nothing from the generator of others, and has no share of a peak for integers', async () => {
    const net = network();
    const quantization = await quantize(net, { calibration: x(4), maxError: 1 });
    await using fast = await compile(net, { inputs, threads: 1, quantization });
    manualSeed(3);
    const wanted = randn([4]).toArray();
    manualSeed(3);
    const { steps } = await fast.profile(ones([1, 3, 16, 16]), { runs: 1 });
    expect(randn([4]).toArray()).toEqual(wanted);
    const integers = steps.filter(({ op }) => op.startsWith('int8'));
    expect(integers.length).toBeGreaterThan(0);
    expect(integers.map(({ peakShare }) => peakShare)).toEqual(integers.map(() => null));
  });

  it('is a call that close waits for', async () => {
    const fast = await compile(network(), { inputs, threads: 1 });
    const profile = fast.profile(x(1), { runs: 5, peak: false });
    await fast.close();
    expect((await profile).runs).toBe(5);
  });

  it('refuses what it cannot measure', async () => {
    const fast = await compile(network(), { inputs, threads: 1 });
    const wrong = async (options: object) => (await rejection(fast.profile(x(1), options))).message;
    expect([
      await wrong({ runs: 0 }),
      await wrong({ peak: 1 }),
      await wrong({ rounds: 1 }),
    ]).toMatchInlineSnapshot(`
      [
        "Expected a whole number from 1 for profile runs, got 0",
        "Expected a boolean for profile peak, got 1",
        "Expected a known option for profile, got "rounds"; did you mean runs?",
      ]
    `);
    expect((await rejection(fast.profile(randn([1, 3, 8, 8])))).name).toBe('RangeError');
    let ended = false;
    const disturbed = rejection(fast.profile(x(1), { runs: 50, peak: false })).finally(() => {
      ended = true;
    });
    while (!ended) await fast.run(x(1));
    expect((await disturbed).message).toContain('profile a model that nobody else uses');
    fast.dispose();
    expect(await rejection(fast.profile(x(1)))).toMatchObject({ code: 'ERR_COMPILED_DISPOSED' });
  });
});
