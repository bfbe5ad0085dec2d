import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { load } from '../../lib/checkpoint/index.ts';
import { evaluate } from '../../lib/cli/evaluate/evaluate.ts';
import { Classifier } from '../../lib/cli/network/classifier.ts';
import { RepeatSampler } from '../../lib/cli/train/repeat-sampler.ts';
import { runData } from '../../lib/cli/train/run-data.ts';
import { type TrainOptions, train } from '../../lib/cli/train/train.ts';
import { decodeImage } from '../../lib/data/index.ts';
import { setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { resolveConfig } from '../../lib/train/index.ts';
import { dist, fixture } from '../helpers/files.ts';
import { PINNED_KERNELS } from '../helpers/pinned-kernels.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-train-'));
const file = (name: string) => join(scratch, name);
const CLASSES = ['blue', 'green', 'red'];
const NETWORK = { widths: [4, 4, 4, 4], stem: 'small' };
/** Of 18 images: four batches in an epoch. */
const RECIPE = { epochs: 3, batchSize: 5, lr: 0.05, seed: 3, crop: 16 };

async function image(path: string, label: number, shade: number): Promise<void> {
  const channel = (of: number) => (label === of ? 250 : shade);
  const background = { r: channel(2), g: channel(1), b: channel(0) };
  await sharp({ create: { width: 24 + (shade % 3), height: 20, channels: 3, background } })
    .jpeg()
    .toFile(path);
}

beforeAll(async () => {
  setNumThreads(1);
  for (const [split, count] of [
    ['train', 6],
    ['val', 3],
  ] as const)
    for (const [label, name] of CLASSES.entries()) {
      mkdirSync(file(`data/${split}/${name}`), { recursive: true });
      for (let i = 0; i < count; i++) await image(file(`data/${split}/${name}/${i}.jpg`), label, 25 * i);
    }
});
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(output: string, options: Partial<TrainOptions> = {}, data = 'data') {
  const out = { stdout: '', stderr: '' };
  const told = {
    ...RECIPE,
    model: 'resnet18_ibn_a',
    modelOptions: NETWORK,
    device: 'cpu',
    output: file(output),
    ...options,
  };
  const code = await train(file(data), told, {
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
  });
  return {
    code,
    stdout: out.stdout.replaceAll(scratch, '<scratch>'),
    stderr: out.stderr.replaceAll(scratch, '<scratch>'),
  };
}

/** The same run in a process of its own. */
function child(output: string, ...more: string[]): ChildProcess {
  const { epochs, batchSize, lr, seed, crop } = RECIPE;
  const flags = {
    epochs,
    'batch-size': batchSize,
    lr,
    seed,
    crop,
    output: file(output),
    model: 'resnet18_ibn_a',
  };
  const told = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const args = [...told, '--model-options', JSON.stringify(NETWORK), '--resume', 'auto', ...more];
  return spawn(process.execPath, [join(dist, 'cli/main.js'), 'train', file('data'), ...args], {
    env: { ...process.env, OMP_NUM_THREADS: '1' },
    stdio: 'ignore',
  });
}

const ended = (one: ChildProcess) =>
  new Promise<number | NodeJS.Signals | null>((resolve) =>
    one.on('exit', (code, signal) => resolve(signal ?? code)),
  );

/** Waits until the run has a checkpoint of this step or a later one. */
async function reaches(output: string, step: number, of: ChildProcess): Promise<void> {
  const steps = () =>
    readdirSync(file(output)).map((name) => Number(/^checkpoint-(\d+)/.exec(name)?.[1] ?? -1));
  mkdirSync(file(output), { recursive: true });
  while (of.exitCode === null && Math.max(...steps(), -1) < step)
    await new Promise((go) => setTimeout(go, 5));
}

const QUIET = { stdout: { write: () => true }, stderr: { write: () => true } };
const FILES = ['checkpoint.pth', 'model_best.pth', 'log.txt'];
/** Of the files of a run that hold no times. */
const digests = (output: string) =>
  FILES.map((name) =>
    createHash('sha256')
      .update(readFileSync(file(`${output}/${name}`)))
      .digest('hex'),
  );

describe('train', () => {
  it('tells how it goes', async () => {
    const { code, stdout, stderr } = await run('whole', { epochs: 3, saveEvery: 1 });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      '18 images of 3 classes in <scratch>/data/train, 9 in <scratch>/data/val\nSeed 3; ',
    );
    expect(stdout).toMatch(
      /\nEpoch 3\/3, LR 0.05: train loss \d\.\d{4}, top-1 [\d.]+; val loss \d\.\d{4}, top-1 [\d.]+( \(best\))?; [\d.]+ images\/s, \d+ % of/,
    );
    const records = readFileSync(file('whole/metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 4],
      [2, 8],
      [3, 12],
    ]);
    expect(records[2].train.loss).toBeLessThan(records[0].train.loss);
    const best = Math.max(...records.map(({ val }) => val.top1));
    expect(stdout).toContain(`Best top-1: ${best.toFixed(2)}, in <scratch>/whole/model_best.pth\n`);
    expect(records[0].dataShare).toBeGreaterThan(0);
  });

  it('learns', async () => {
    await run('learned', { epochs: 15 });
    const rows = readFileSync(file('learned/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const best = Math.max(...rows.map((row) => JSON.parse(row).val.top1));
    expect(best).toBeGreaterThan(80); // by chance 33
  });

  it('writes log.txt as the published script does, with top-1 for accuracy', () => {
    const [head, ...rows] = readFileSync(file('whole/log.txt'), 'utf8').split('\n');
    expect(head).toBe('Learning Rate\tTrain Loss\tValid Loss\tTrain Acc.\tValid Acc.\t');
    const records = readFileSync(file('whole/metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toEqual([
      ...records.map(({ lr, train: seen, val }) =>
        [lr, seen.loss, val.loss, seen.top1, val.top1].map((value) => `${value.toFixed(6)}\t`).join(''),
      ),
      '',
    ]);
  });

  it('gives evaluate and classify a checkpoint that they take as it is', async () => {
    const checkpoint = file('whole/model_best.pth');
    let printed = '';
    const told = { checkpoint: [checkpoint], split: 'val', device: 'cpu', batchSize: 4, json: true };
    const streams = {
      stdout: { write: (text: string | Uint8Array) => (printed += text) },
      stderr: { write: () => true },
    };
    expect(await evaluate(file('data'), told, streams)).toBe(0);
    const [result] = JSON.parse(printed).results;
    expect([result.architecture, result.resize, result.crop, result.matchedBy]).toEqual([
      'resnet18_ibn_a',
      18,
      16,
      'name',
    ]);
    expect(result.top1).toBeCloseTo(load<{ best_acc: number }>(checkpoint).best_acc, 9);
    const classifier = await Classifier.load({ checkpoint });
    expect(classifier.classes).toEqual(CLASSES);
    const [guess] = await classifier.predict(
      [classifier.prepare(await decodeImage(file('data/val/red/0.jpg')))],
      1,
    );
    expect(CLASSES).toContain(guess?.[0]?.class);
  });

  it('shows on a terminal of 80 columns how fast it is, and what it waits for', async () => {
    vi.stubEnv('TERM', 'xterm');
    let drawn = '';
    const told = { ...RECIPE, model: 'resnet18_ibn_a', modelOptions: NETWORK, device: 'cpu' };
    await train(
      file('data'),
      { ...told, epochs: 1, output: file('terminal') },
      {
        stdout: { write: () => true },
        stderr: { isTTY: true, columns: 80, write: (text) => (drawn += text) },
      },
    );
    vi.unstubAllEnvs();
    expect(drawn).toMatch(/epoch 1\/1 \S+ 4\/4, loss \d\.\d{3}, top-1 \d+\.\d, \d+\/s, data \d+ %/);
  });

  it('follows the schedule', async () => {
    await run('schedule', { schedule: [1, 2], gamma: 0.5, epochs: 3 });
    const rows = readFileSync(file('schedule/log.txt'), 'utf8').trim().split('\n').slice(1);
    expect(rows.map((row) => row.split('\t')[0])).toEqual(['0.050000', '0.025000', '0.012500']);
  });

  it('begins with a checkpoint, with a new classifier where the classes are others', async () => {
    cpSync(file('data'), file('two'), { recursive: true });
    for (const split of ['train', 'val']) rmSync(file(`two/${split}/red`), { recursive: true });
    const checkpoint = file('whole/model_best.pth');
    const begun = { checkpoint, epochs: 1, lr: 0, momentum: 0, weightDecay: 0 };
    const { stdout } = await run('two-run', { ...begun, model: undefined as never, modelOptions: {} }, 'two');
    expect(stdout).toContain('model_best.pth, with a new classifier (2 classes for 3)\n');
    const weight = (path: string, key: string) =>
      (load<{ state_dict: Map<string, Tensor> }>(file(path)).state_dict.get(key) as Tensor).toArray();
    expect(weight('two-run/checkpoint.pth', 'layer2.0.conv1.weight')).toEqual(
      weight('whole/model_best.pth', 'layer2.0.conv1.weight'),
    );
    expect(weight('two-run/checkpoint.pth', 'fc.weight')).toHaveLength(2);
    await run('three-run', begun);
    expect(weight('three-run/checkpoint.pth', 'fc.weight')).toEqual(
      weight('whole/model_best.pth', 'fc.weight'),
    );
  });

  it('leaves out images that cannot be read where that is wanted, and counts them', async () => {
    cpSync(file('data'), file('damaged'), { recursive: true });
    writeFileSync(file('damaged/train/red/9.jpg'), 'no image');
    writeFileSync(file('damaged/val/red/9.jpg'), 'no image');
    await expect(run('damaged-run', {}, 'damaged')).rejects.toThrow('red/9.jpg: not a readable image');
    const { stderr } = await run('skipping', { epochs: 1, skipUnreadable: true }, 'damaged');
    expect(stderr).toContain('Images that could not be read and were left out: 1 of train, 1 of val\n');
    expect(JSON.parse(readFileSync(file('skipping/metrics.jsonl'), 'utf8')).unreadable).toEqual({
      train: 1,
      val: 1,
    });
  });
});

describe('the same recipe in Python', () => {
  it('has the same losses, where images are the same', async () => {
    for (const split of ['train', 'val'])
      for (const [label, name] of CLASSES.entries()) {
        mkdirSync(file(`colours/${split}/${name}`), { recursive: true });
        for (let i = 0; i < 6; i++) {
          const [r, g] = [(40 * i + 70 * label) % 256, (90 * label + 17 * i) % 256];
          const background = { r, g, b: 200 - 30 * i + 11 * label };
          await sharp({ create: { width: 70 + i, height: 66, channels: 3, background } })
            .png()
            .toFile(file(`colours/${split}/${name}/${i}.png`));
        }
      }
    const config = {
      ...RECIPE,
      model: 'resnet18',
      crop: 64,
      workers: 0,
      lr: 0.001,
      schedule: [1],
      epochs: 2,
    };
    writeFileSync(
      file('python.json'),
      JSON.stringify({ data: file('colours'), output: file('python'), ...config }),
    );
    const one = spawn(
      process.execPath,
      [join(dist, 'cli/main.js'), 'train', '--config', file('python.json')],
      {
        env: { ...process.env, OMP_NUM_THREADS: '1', ...PINNED_KERNELS },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    expect(await ended(one)).toBe(0);
    const lines = readFileSync(file('python/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const python = fixture<{ lr: number; train: number; val: number }[]>('train/one-colour.json');
    expect(lines).toHaveLength(python.length);
    for (const [epoch, wanted] of python.entries()) {
      const { lr, train: seen, val } = JSON.parse(lines[epoch] as string);
      expect(lr).toBeCloseTo(wanted.lr, 12);
      expect(seen.loss).toBeCloseTo(wanted.train, 6);
      expect(val.loss).toBeCloseTo(wanted.val, 6);
    }
  });
});

describe('a recipe of today', () => {
  const TODAY: Partial<TrainOptions> = {
    optimizer: 'adamw',
    lr: 0.01,
    weightDecay: 0.05,
    normWeightDecay: 0,
    scheduler: 'cosine',
    warmupEpochs: 1,
    minLr: 0.001,
    labelSmoothing: 0.1,
    mixup: 0.2,
    cutmix: 1,
    randomErasing: 0.25,
    autoAugment: 'trivialaugment',
    ema: 0.9,
    amp: 'bfloat16',
    accumulate: 2,
    clipGradNorm: 1,
    channelsLast: true,
    saveEvery: 1,
    keepLast: 99,
  };

  it('follows its schedule, and saves the best average in a file of its own', async () => {
    const { stdout } = await run('today', TODAY);
    const rows = readFileSync(file('today/log.txt'), 'utf8').trim().split('\n').slice(1);
    expect(rows.map((row) => row.split('\t')[0])).toEqual(['0.000100', '0.010000', '0.005500']);
    expect(stdout).toMatch(/in <scratch>\/today\/model_best_ema\.pth\n$/);
    type Saved = { best_acc: number; optimizer: { param_groups: { weight_decay: number }[] } };
    const saved = load<Saved>(file('today/checkpoint.pth'));
    expect(saved.optimizer.param_groups.map(({ weight_decay }) => weight_decay)).toEqual([0.05, 0]);
    let printed = '';
    const told = {
      checkpoint: [file('today/model_best_ema.pth')],
      split: 'val',
      device: 'cpu',
      batchSize: 9,
      json: true,
    };
    const streams = {
      stdout: { write: (text: string | Uint8Array) => (printed += text) },
      stderr: { write: () => true },
    };
    await evaluate(file('data'), told, streams);
    expect(JSON.parse(printed).results[0].top1).toBeCloseTo(saved.best_acc, 9);
  });

  it('goes on in the middle of an epoch as if it had never stopped', async () => {
    mkdirSync(file('today-again'));
    cpSync(file('today/checkpoint-000000003.pth'), file('today-again/checkpoint-000000003.pth'));
    cpSync(file('today/log.txt'), file('today-again/log.txt'));
    cpSync(file('today/model_best_ema.pth'), file('today-again/model_best_ema.pth'));
    const { stderr } = await run('today-again', { ...TODAY, resume: 'auto' });
    expect(stderr).toContain('with epoch 2, batch 3\n');
    for (const name of ['checkpoint.pth', 'log.txt'])
      expect(readFileSync(file(`today-again/${name}`)).equals(readFileSync(file(`today/${name}`)))).toBe(
        true,
      );
  });

  it('leaves frozen parts as they were, statistics included', async () => {
    const begun = { checkpoint: file('whole/model_best.pth'), epochs: 1, freeze: ['bn1', 'layer1'] };
    await run('frozen', begun);
    const state = (name: string) =>
      load<{ state_dict: Map<string, Tensor> }>(file(`${name}/checkpoint.pth`)).state_dict;
    const before = load<{ state_dict: Map<string, Tensor> }>(file('whole/model_best.pth')).state_dict;
    const kept = [...state('frozen')]
      .filter(([key, value]) => value.equal(before.get(key) as Tensor))
      .map(([key]) => key);
    const frozen = [...before.keys()].filter((key) => /^(bn1|layer1)\./.test(key));
    expect(frozen.length).toBeGreaterThan(20);
    expect(kept.sort()).toEqual(frozen.sort());
    await expect(run('no', { freeze: ['layer9'] })).rejects.toThrow('got "layer9"; known: conv1, bn1, ');
    await expect(run('no', { warmupEpochs: 3 })).rejects.toThrow(
      'Expected fewer --warmup-epochs than --epochs 3, got 3',
    );
  });
});

describe('a run of the command that goes on', () => {
  it('ends with the same bytes after SIGTERM, which gives status 75', async () => {
    const first = child('term', '--save-every', '1');
    await reaches('term', 1, first);
    first.kill('SIGTERM');
    expect(await ended(first)).toBe(75);
    const step = Number(load<{ step: number }>(file('term/checkpoint.pth')).step);
    expect(step).toBeLessThan(12);
    const { code, stdout, stderr } = await run('term', { resume: 'auto', saveEvery: 1 });
    expect([code, stdout]).toEqual([0, expect.stringContaining('Checkpoints and logs in <scratch>/term\n')]);
    expect(stderr).toMatch(/^Going on from <scratch>\/term\/checkpoint-\d+\.pth with epoch \d/);
    expect(digests('term')).toEqual(digests('whole'));
  });

  it('ends with the same bytes wherever it is killed', async () => {
    for (const step of [1, 4]) {
      const killed = child('kill', '--save-every', '1');
      await reaches('kill', step, killed);
      killed.kill('SIGKILL');
      expect(await ended(killed)).toBe('SIGKILL');
    }
    await run('kill', { resume: 'auto', saveEvery: 1 });
    expect(digests('kill')).toEqual(digests('whole'));
  });

  it('cuts the log back to its checkpoint', async () => {
    await run('cut', { epochs: 2, keepLast: 9 });
    const before = readFileSync(file('cut/log.txt'), 'utf8');
    rmSync(file('cut/checkpoint-000000008.pth'));
    await run('cut', { epochs: 2, resume: 'auto' });
    expect(readFileSync(file('cut/log.txt'), 'utf8')).toBe(before);
    expect(readFileSync(file('cut/metrics.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  it('is not begun anew by mistake', async () => {
    await expect(run('whole')).rejects.toThrow(
      /^Expected a folder without a run for --output, got .*whole, which has .*checkpoint-000000012\.pth; pass --resume auto/,
    );
    await expect(run('other', { resume: file('none.pth') })).rejects.toThrow('which is not there');
  });
});

describe('what can be seen of a run', () => {
  it('is its machine, its curves, and what TensorBoard shows', () => {
    const names = readdirSync(file('whole'));
    expect(names).toEqual(expect.arrayContaining(['curves.svg', 'environment.jsonl']));
    expect(names.filter((name) => name.startsWith('events.out.tfevents.'))).toHaveLength(1);
    const starts = readFileSync(file('term/environment.jsonl'), 'utf8').trim().split('\n');
    expect(starts.map((line) => JSON.parse(line).device)).toEqual(['cpu', 'cpu']);
    expect(JSON.parse(starts[0] as string)).toMatchObject({
      fromEpoch: 1,
      threads: 1,
      node: process.version,
    });
    const svg = readFileSync(file('whole/curves.svg'), 'utf8');
    for (const text of ['loss', 'top-1 accuracy (%)', 'learning rate'])
      expect(svg).toContain(`>${text}</text>`);
    // The second part of a run that went on takes the place of what was logged behind the checkpoint.
    const [, second] = readdirSync(file('term'))
      .filter((name) => name.startsWith('events.'))
      .sort();
    expect(readFileSync(file(`term/${second}`)).includes(Buffer.from([0x3a, 0x02, 0x08, 0x01]))).toBe(true);
  });
});

describe('the options of a run', () => {
  const told = (name: string) => resolveConfig({ file: file(`${name}/config.yaml`) });

  it('are written beside it, and make the same run again', async () => {
    const config = file('whole/config.yaml');
    expect(readFileSync(config, 'utf8')).toMatch(
      /^# npx ibn-net train --config FILE --output FOLDER\ndata: .*\nmodel: resnet18_ibn_a\n/,
    );
    expect(await train(undefined, { config, output: file('same') }, QUIET)).toBe(0);
    expect(await told('same')).toEqual(await told('whole'));
    for (const name of ['log.txt', 'checkpoint.pth'])
      expect(readFileSync(file(`same/${name}`)).equals(readFileSync(file(`whole/${name}`)))).toBe(true);
  });

  it('are those of the checkpoint where a run goes on, and others are refused or asked for', async () => {
    await run('goes-on', { epochs: 2 });
    const on = (options: TrainOptions) =>
      train(file('data'), { output: file('goes-on'), resume: 'auto', ...options }, QUIET);
    await expect(on({ lr: 0.01 })).rejects.toThrow(
      /^Expected --lr 0\.05, which the run of .*goes-on\/checkpoint-000000008\.pth has, got 0\.01; leave it out, or pass --override lr to/,
    );
    await expect(on({ preset: 'torchvision-v2' })).rejects.toThrow('Expected --epochs 2, which the run of');
    await expect(on({ seed: 4 })).rejects.toThrow('got 4; leave it out, or begin a new run');
    await expect(on({ modelOptions: { stem: 'large' } })).rejects.toThrow(
      'got {"stem":"large"}; leave it out',
    );
    await expect(on({ workers: 0 })).rejects.toThrow('Expected --workers 4');
    await expect(on({ override: ['lrr'] })).rejects.toThrow('got "lrr"; did you mean lr?');
    await expect(on({ override: ['seed'] })).rejects.toThrow('got "seed"; begin a new run for another');
    expect(await on({ testBatch: 3, saveEvery: 2, keepLast: 7 })).toBe(0);
    expect(await on({ epochs: 3, lr: 0.01, override: ['epochs', 'lr'] })).toBe(0);
    const rows = readFileSync(file('goes-on/log.txt'), 'utf8').trim().split('\n').slice(1);
    expect(rows.map((row) => row.split('\t')[0])).toEqual(['0.050000', '0.050000', '0.010000']);
    expect(await told('goes-on')).toMatchObject({ epochs: 3, lr: 0.01, batchSize: 5, keepLast: 2 });
    await expect(run('fresh', { override: ['lr'] })).rejects.toThrow(
      'Expected a run to go on beside --override',
    );
  });

  it('are printed', async () => {
    let printed = '';
    const stdout = { write: (text: string) => (printed += text) };
    await train(
      undefined,
      { preset: 'torchvision-v2', epochs: 90, ema: null, printConfig: true },
      { ...QUIET, stdout },
    );
    writeFileSync(file('printed.yaml'), printed);
    expect(await resolveConfig({ file: file('printed.yaml') })).toEqual(
      await resolveConfig({ preset: 'torchvision-v2', values: { epochs: 90, ema: null } }),
    );
  });

  it('take images of other sizes from one epoch to the next, and repeat them', async () => {
    const sizes = { cropSchedule: { 0: 12, 2: 16 }, repeats: 2, epochs: 3, saveEvery: 1, keepLast: 99 };
    await run('sizes', sizes);
    mkdirSync(file('sizes-again'));
    for (const name of ['checkpoint-000000006.pth', 'log.txt'])
      cpSync(file(`sizes/${name}`), file(`sizes-again/${name}`));
    await run('sizes-again', { ...sizes, resume: 'auto' });
    for (const name of ['checkpoint.pth', 'log.txt'])
      expect(readFileSync(file(`sizes-again/${name}`)).equals(readFileSync(file(`sizes/${name}`)))).toBe(
        true,
      );
    const data = runData(file('data'), await resolveConfig({ values: { ...RECIPE, ...sizes } }));
    const seen: unknown[] = [];
    for (const epoch of [0, 1, 2]) {
      data.beginEpoch(epoch);
      for await (const [images] of data.train) {
        seen.push(images.shape);
        break;
      }
    }
    expect(seen).toEqual([
      [5, 3, 12, 12],
      [5, 3, 12, 12],
      [5, 3, 16, 16],
    ]);
    const sampler = [...new RepeatSampler(data.train.dataset as { length: number }, 4)];
    expect([sampler.length, new Set(sampler).size]).toEqual([18, 5]);
    expect(sampler.slice(0, 4)).toEqual(Array(4).fill(sampler[0]));
  });
});

describe('what cannot be trained', () => {
  it('is refused in words', async () => {
    await expect(run('no', { model: 'resnet18_ibn_c' })).rejects.toThrow(
      'Unknown model "resnet18_ibn_c"; did you mean',
    );
    await expect(run('no', { model: undefined as never })).rejects.toThrow('Expected --model NAME, got none');
    await expect(run('no', { pretrained: true, checkpoint: 'a.pth' })).rejects.toThrow(
      'got both; leave one out',
    );
    await expect(run('no', { modelOptions: { depth: 3 } })).rejects.toThrow('Expected a known option for');
    await expect(run('no', {}, 'nowhere')).rejects.toThrow('Expected a folder for each class in');
    cpSync(file('data'), file('odd'), { recursive: true });
    mkdirSync(file('odd/val/violet'));
    cpSync(file('data/val/red/0.jpg'), file('odd/val/violet/0.jpg'));
    await expect(run('no', {}, 'odd')).rejects.toThrow(
      /^Expected folders in .*odd\/val that .*odd\/train has too, got "violet"/,
    );
    expect(() => readdirSync(file('no'))).toThrow('ENOENT');
  });

  it('is refused on the command line before anything is read', async () => {
    const refused = async (...args: string[]) => {
      const one = spawn(process.execPath, [join(dist, 'cli/main.js'), 'train', ...args]);
      let text = '';
      one.stderr.on('data', (chunk) => {
        text += chunk;
      });
      return [await ended(one), text.split('\n').slice(0, 2).join(' ')];
    };
    expect(await refused('data', '--output', 'x', '--modell', 'resnet18')).toEqual([
      1,
      "error: unknown option '--modell' (Did you mean --model?)",
    ]);
    for (const [flag, ...values] of [
      ['--schedule', '3', 'x'],
      ['--epochs', 'x'],
    ] as string[][])
      expect((await refused('data', '--output', 'x', flag as string, ...(values as string[])))[1]).toContain(
        'Expected a positive integer, got "x".',
      );
    expect((await refused('data', '--crop-schedule', '128'))[1]).toContain(
      'Expected an epoch and pixels, such as 30:160',
    );
    expect((await refused('data', '--optimizer', 'lion'))[1]).toContain('Expected sgd, adamw, adam,');
    expect((await refused('data', '--no-ema', '--no-nesterov'))[1]).toContain(
      'Expected --output FOLDER, got none',
    );
  });
});
