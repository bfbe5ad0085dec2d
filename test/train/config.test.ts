import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { type ConfigLayer, configText, PRESETS, resolveConfig } from '../../lib/train/index.ts';
import { optimizerOf, scheduleOf } from '../../lib/train/recipe.ts';
import { tmp } from '../helpers/files.ts';

function written(text: string, name = 'run.yaml'): string {
  const file = join(tmp(), name);
  writeFileSync(file, text);
  return file;
}

/** The message of a file's refusal, without its folder. */
async function refusal(text: string, name = 'run.yaml'): Promise<string> {
  const file = written(text, name);
  const error = await resolveConfig({ file }).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return `${error?.name}: ${error?.message.replace(file, name)}`;
}

describe('the options of a run', () => {
  it("are the published script's where nothing is said", async () => {
    expect(await resolveConfig()).toMatchObject({
      epochs: 100,
      batchSize: 256,
      testBatch: 100,
      lr: 0.1,
      momentum: 0.9,
      weightDecay: 1e-4,
      optimizer: 'sgd',
      scheduler: 'multistep',
      schedule: [30, 60, 90],
      gamma: 0.1,
      crop: 224,
      workers: 4,
    });
    expect(await resolveConfig({ preset: 'published' })).toEqual(await resolveConfig());
  });

  it('come from a preset, then the file, then values', async () => {
    const file = written('preset: torchvision-v2\nlr: 0.25\nepochs: 90 # a short one\nminLr: 0.01\n');
    const config = await resolveConfig({ file, values: { epochs: 30, ema: null } });
    const { ema: _, ...rest } = PRESETS['torchvision-v2'];
    expect(config).toMatchObject({ ...rest, lr: 0.25, epochs: 30, minLr: 0.01 });
    expect('ema' in config).toBe(false);
    expect(
      (await resolveConfig({ file, preset: 'published', values: { scheduler: 'cosine' } })).batchSize,
    ).toBe(256);
  });

  it('read the same from JSON, and from what is written of them', async () => {
    const values = {
      data: 'a b: c',
      model: 'resnet50_ibn_a',
      modelOptions: { stem: 'small', widths: [4, 8] },
      lr: 1e-7,
      cropSchedule: { 0: 128, 30: 160, 100: 224 },
      freeze: ['conv1', 'layer1.0'],
      nesterov: true,
      seed: 3,
    } as const;
    const config = await resolveConfig({
      preset: 'torchvision-v2',
      values: { ...values, freeze: [...values.freeze] },
    });
    expect(await resolveConfig({ file: written(await configText(config)) })).toEqual(config);
    expect(await resolveConfig({ file: written(JSON.stringify(config, null, '\t'), 'run.json') })).toEqual(
      config,
    );
    expect(await resolveConfig({ file: written('') })).toEqual(await resolveConfig());
  });

  it('are refused where there is no such option, with the nearest and the line', async () => {
    expect(await refusal('lr: 0.1\n\nbatch_size: 64\n')).toBe(
      'RangeError: run.yaml, line 3: Expected a known option, got "batch_size"; did you mean batchSize?',
    );
    expect(await refusal('{\n  "lr": 0.1,\n  "epoch": 3\n}', 'run.json')).toBe(
      'RangeError: run.json, line 3: Expected a known option, got "epoch"; did you mean epochs?',
    );
    await expect(resolveConfig({ values: { lrr: 1 } as never })).rejects.toThrow(
      'got "lrr"; did you mean lr?',
    );
    await expect(resolveConfig({ presets: 'published' } as never)).rejects.toThrow(
      '"presets"; did you mean preset?',
    );
  });

  it.each([
    ['lr: high', 'TypeError: run.yaml, line 1: Expected a number of at least 0 for lr, got "high"'],
    ['lr: -1', 'RangeError: run.yaml, line 1: Expected a number of at least 0 for lr, got -1'],
    ['lr: .inf', 'RangeError: run.yaml, line 1: Expected a number of at least 0 for lr, got Infinity'],
    ['lr: null', 'TypeError: run.yaml, line 1: Expected a number of at least 0 for lr, got null'],
    ['epochs: 1.5', 'RangeError: run.yaml, line 1: Expected a positive integer for epochs, got 1.5'],
    ['lr: 1\nnesterov: no', 'TypeError: run.yaml, line 2: Expected true or false for nesterov, got "no"'],
    [
      'optimizer: lars',
      'RangeError: run.yaml, line 1: Expected sgd, adamw, adam, nadam, radam, adamax, rmsprop, adagrad, adadelta, adafactor, asgd, rprop or lamb for optimizer, got "lars"',
    ],
    [
      'schedule:\n- 3\n- x',
      'TypeError: run.yaml, line 3: Expected a positive integer for schedule, got "x" at 1',
    ],
    ['schedule: 3', 'TypeError: run.yaml, line 1: Expected a list of positive integers for schedule, got 3'],
    [
      'cropSchedule: { x: 3 }',
      'RangeError: run.yaml, line 1: Expected epochs and sizes for cropSchedule, got an object',
    ],
    [
      'preset: modern',
      'RangeError: run.yaml, line 1: Expected published, torchvision-v2 or a3 for preset, got "modern"',
    ],
    ['lr: 1\nlr: 2', 'RangeError: run.yaml, line 2: Expected YAML or JSON: Map keys must be unique'],
    [
      'lr: [1',
      'RangeError: run.yaml, line 1: Expected YAML or JSON: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['- lr', 'TypeError: run.yaml: Expected options by name, got an array'],
  ])('are refused where a value cannot be: %s', async (text, message) => {
    expect(await refusal(text)).toBe(message);
  });

  it.each([
    [
      { optimizer: 'adamw', nesterov: true },
      'Expected nesterov for optimizer sgd, got it for adamw, which has no use for it; leave it out',
    ],
    [
      { optimizer: 'adamw', momentum: 0.8 },
      'Expected momentum for optimizer sgd or rmsprop, got it for adamw',
    ],
    [{ scheduler: 'cosine', schedule: [3] }, 'Expected schedule for scheduler multistep, got it for cosine'],
    [
      { minLr: 0.1 },
      'Expected minLr for scheduler cosine, warmrestarts, plateau or cyclic, got it for multistep',
    ],
    [{ optimizer: 'rprop', weightDecay: 1e-3 }, 'Expected weightDecay for optimizer sgd, adamw'],
    [{ bceTargetThreshold: 0.2 }, 'Expected bceTargetThreshold for loss bce, got it for cross_entropy'],
    [{ magnitude: 3 }, 'Expected magnitude for autoAugment randaugment, got it for none'],
  ])('are refused where nothing reads them: %o', async (values, message) => {
    await expect(resolveConfig({ values: values as never })).rejects.toThrow(message);
  });

  it('make optimizer and schedule', async () => {
    const linear = new nn.Linear(4, 2);
    const config = await resolveConfig({ preset: 'torchvision-v2', values: { epochs: 10 } });
    const optimizer = optimizerOf(linear, config);
    const schedule = scheduleOf(optimizer, config);
    expect(optimizer.stateDict().param_groups.map(({ weight_decay }) => weight_decay)).toEqual([2e-5, 0]);
    const rates = Array.from({ length: 10 }, () => {
      const lr = optimizer.paramGroups[0]?.lr;
      optimizer.stepped = true;
      schedule.step();
      return lr;
    });
    expect(rates[0]).toBeCloseTo(0.005, 12);
    expect(rates[5]).toBeCloseTo(0.5, 12);
    expect(rates[9]).toBeLessThan(0.05);
    const last = (values: ConfigLayer) =>
      resolveConfig({ values: { epochs: 10, lr: 1, ...values } }).then((config) => {
        const sgd = optimizerOf(new nn.Linear(4, 2), config);
        const falling = scheduleOf(sgd, config);
        sgd.stepped = true;
        for (let i = 0; i < 8; i++) falling.step(...(values.scheduler === 'plateau' ? [1] : []));
        return Number(sgd.paramGroups[0]?.lr.toFixed(6));
      });
    expect(await last({ scheduler: 'exponential', gamma: 0.5 })).toBe(0.003906);
    expect(await last({ scheduler: 'polynomial', power: 2 })).toBe(0.04);
    expect(await last({ scheduler: 'constant' })).toBe(1);
    expect(await last({ scheduler: 'plateau', patience: 2, gamma: 0.5 })).toBe(0.25);
    expect(await last({ scheduler: 'step', stepSize: 3, gamma: 0.5 })).toBe(0.25);
    expect(await last({ scheduler: 'warmrestarts', cycleEpochs: 4 })).toBe(1);
    expect(await last({ scheduler: 'warmrestarts', cycleEpochs: 4, cycleMult: 2 })).toBe(0.5);
    for (const optimizer of ['adafactor', 'asgd', 'adamw', 'rmsprop', 'rprop', 'lamb'] as const)
      expect(optimizerOf(linear, await resolveConfig({ values: { optimizer } })).paramGroups).toHaveLength(1);
    await expect(last({ scheduler: 'onecycle' })).rejects.toThrow(
      'Expected a positive integer for scheduleOf plan.stepsPerEpoch beside scheduler onecycle, got undefined',
    );
    await expect(last({ scheduler: 'plateau', warmupEpochs: 2 })).rejects.toThrow(
      'Expected no warmupEpochs beside',
    );
    await expect(resolveConfig({ file: 'nowhere.yaml' })).rejects.toThrow(
      'Expected a YAML or JSON file of options, got nowhere.yaml: ENOENT',
    );
  });

  it('make schedules that follow each step, up and down', async () => {
    const rates = async (values: ConfigLayer, optimizer: 'sgd' | 'adagrad' = 'sgd') => {
      const config = await resolveConfig({ values: { epochs: 5, lr: 1, optimizer, ...values } });
      const made = optimizerOf(new nn.Linear(4, 2), config);
      const schedule = scheduleOf(made, { ...config, stepsPerEpoch: 4 });
      made.stepped = true;
      return Array.from({ length: 20 }, () => {
        const rate = Number(made.paramGroups[0]?.lr);
        schedule.step();
        return rate;
      });
    };
    const once = await rates({ scheduler: 'onecycle', pctStart: 0.5 });
    expect(once[0]).toBeCloseTo(1 / 25, 12);
    expect([once[9], Math.max(...once)]).toEqual([1, 1]);
    expect(once[19]).toBeCloseTo(4e-6, 9);
    const cycles = await rates({ scheduler: 'cyclic', cycleEpochs: 2, minLr: 0.1 }, 'adagrad');
    expect([0, 4, 8, 12, 16].map((step) => cycles[step]?.toFixed(6))).toEqual(
      [0.1, 1, 0.1, 1, 0.1].map((rate) => rate.toFixed(6)),
    );
    await expect(rates({ scheduler: 'onecycle', warmupEpochs: 1 })).rejects.toThrow(
      'Expected no warmupEpochs beside scheduler onecycle, got 1; leave one out',
    );
  });

  it("are those of timm's procedure A3", async () => {
    const config = await resolveConfig({ preset: 'a3' });
    expect(config).toMatchObject({ optimizer: 'lamb', loss: 'bce', batchSize: 2048, trainCrop: 160 });
    const { weightDecay } = config;
    const groups = optimizerOf(new nn.Linear(4, 2), config).paramGroups as { weightDecay?: number }[];
    expect(groups.map((group) => group.weightDecay)).toEqual([weightDecay, 0]);
  });
});
