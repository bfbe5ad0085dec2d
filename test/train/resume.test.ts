import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { getRngState, tensor } from '../../lib/tensor/index.ts';
import { Trainer } from '../../lib/train/index.ts';
import { tmp } from '../helpers/files.ts';
import { makeRun, type Pair } from './runs.ts';

const BATCHES = 7; // of an epoch: 26 samples in fours
let whole: ReturnType<typeof makeRun>;

beforeAll(async () => {
  whole = makeRun();
  await whole.trainer.fit();
});
afterAll(() => {
  whole = undefined as never;
});

/** A callback that stops a run after a step. */
function stopAfter(step: number) {
  const stop = new AbortController();
  return {
    signal: stop.signal,
    callbacks: { onStep: (report: { step: number }) => report.step === step && stop.abort() },
  };
}

describe('a run that goes on', () => {
  it('ends as if it had never stopped, wherever it did', async () => {
    for (const step of [1, 6, 7, 8, 20]) {
      const output = tmp();
      const { signal, callbacks } = stopAfter(step);
      const first = makeRun({ output, callbacks });
      const stopped = await first.trainer.fit({ signal });
      expect(stopped).toMatchObject({ finished: false, step });
      const losses: number[] = [];
      const second = makeRun(
        { output, callbacks: { onStep: ({ values }) => losses.push(values.loss as number) } },
        step, // other weights and random numbers to begin with
      );
      expect(await second.trainer.fit({ resume: 'auto' })).toMatchObject({
        finished: true,
        step: 3 * BATCHES,
      });
      expect(losses).toEqual(whole.losses.slice(step));
      expect(second.bytes()).toEqual(whole.bytes());
    }
  });

  it('ends so from each of the checkpoints that are written within epochs', async () => {
    const output = tmp();
    const kept: string[] = [];
    const copies = tmp();
    await makeRun({
      output,
      saveEvery: 3,
      callbacks: {
        onSave(path) {
          kept.push(join(copies, `${kept.length}.pth`));
          copyFileSync(path, kept.at(-1) as string);
        },
      },
    }).trainer.fit();
    expect(kept.length).toBeGreaterThan(6);
    for (const path of kept) {
      const run = makeRun({}, 99);
      await run.trainer.fit({ resume: path });
      expect(run.bytes()).toEqual(whole.bytes());
    }
  });

  it('goes on with means and figures as they were', async () => {
    const reports = async (options: object, fit = {}) => {
      const seen: unknown[] = [];
      const run = makeRun({
        ...options,
        callbacks: [
          { onEpoch: ({ train, lr, epoch }) => seen.push({ train, lr, epoch }) },
          ...((options as { callbacks?: [] }).callbacks ?? []),
        ],
      });
      await run.trainer.fit(fit);
      return seen;
    };
    const all = await reports({});
    const output = tmp();
    const { signal, callbacks } = stopAfter(10);
    const before = await reports({ output, callbacks: [callbacks] }, { signal });
    expect([...before, ...(await reports({ output }, { resume: 'auto' }))]).toEqual(all);
  });

  it('takes the checkpoint before one that is damaged, and says so', async () => {
    const output = tmp();
    await makeRun({ output, epochs: 2 }).trainer.fit();
    const [old, newest] = readdirSync(output)
      .filter((name) => name.startsWith('checkpoint-'))
      .sort();
    expect([old, newest]).toEqual(['checkpoint-000000007.pth', 'checkpoint-000000014.pth']);
    truncateSync(join(output, newest as string), 1000);
    const warnings: string[] = [];
    const run = makeRun({ output, callbacks: { onWarning: (message) => warnings.push(message) } }, 5);
    await run.trainer.fit({ resume: 'auto' });
    expect(warnings).toEqual([expect.stringContaining('checkpoint-000000014.pth')]);
    expect(run.bytes()).toEqual(whole.bytes());
  });

  it('begins anew with auto where there is nothing yet', async () => {
    const run = makeRun({ output: join(tmp(), 'new') });
    await run.trainer.fit({ resume: 'auto' });
    expect(run.bytes()).toEqual(whole.bytes());
  });

  it('refuses the checkpoint of another model, and changes nothing that it has written', async () => {
    const output = tmp();
    await makeRun({ output, epochs: 1 }).trainer.fit();
    const bytes = readFileSync(join(output, 'checkpoint.pth'));
    const other = makeRun({ output, model: new nn.Linear(2, 2) });
    await expect(other.trainer.fit({ resume: 'auto' })).rejects.toThrow(/whose "state_dict" does not fit/);
    expect(readFileSync(join(output, 'checkpoint.pth'))).toEqual(bytes);
    await expect(makeRun().trainer.fit({ resume: join(output, 'none.pth') })).rejects.toThrow('none.pth');
    save([1, 2], join(output, 'list.pth'));
    await expect(makeRun().trainer.fit({ resume: join(output, 'list.pth') })).rejects.toThrow(
      'Expected a checkpoint of training',
    );
    await expect(makeRun({ epochs: 1 }).trainer.fit({ resume: 'nowhere.pth' })).rejects.toThrow(
      'nowhere.pth',
    );
  });

  it('refuses the checkpoint of a longer run before anything is changed', async () => {
    const output = tmp();
    await makeRun({ output, epochs: 2 }).trainer.fit();
    const path = join(output, 'checkpoint.pth');
    const run = makeRun({ epochs: 1 });
    const before = [run.bytes(), run.scheduler.stateDict(), getRngState().toArray()];
    await expect(run.trainer.fit({ resume: path })).rejects.toThrow(
      `Expected a run of at most 1 epochs to go on from, got 2 in ${path}; ask for more epochs`,
    );
    expect([run.bytes(), run.scheduler.stateDict(), getRngState().toArray()]).toEqual(before);
  });

  it("takes the published script's file, and says what it lacks", async () => {
    const output = tmp();
    const { model, optimizer } = makeRun();
    // It sets a rate when the epoch begins: this is the one of the epoch before.
    for (const group of optimizer.paramGroups) group.lr = 0.01;
    const parallel = new Map([...model.stateDict()].map(([key, value]) => [`module.${key}`, value]));
    save(
      { epoch: 2, state_dict: parallel, acc: 50, best_acc: 60, optimizer: optimizer.stateDict() },
      join(output, 'checkpoint.pth'),
    );
    const warnings: string[] = [];
    const run = makeRun({
      output,
      ema: undefined,
      callbacks: { onWarning: (message) => warnings.push(message) },
      schedulerStep: 'epoch',
    });
    const step = new optim.lrScheduler.MultiStepLR(run.optimizer, [1, 2]);
    const resumed = makeRun({
      output,
      model: run.model,
      optimizer: run.optimizer,
      data: run.data,
      ema: undefined,
      scheduler: step,
      schedulerStep: 'epoch',
      loss: ([x, labels]) => nn.functional.crossEntropy(run.model.forward(x), labels),
      callbacks: { onWarning: (message) => warnings.push(message) },
    });
    expect(await resumed.trainer.fit({ resume: 'auto' })).toMatchObject({ finished: true, epoch: 3 });
    expect(step.lastEpoch).toBe(3);
    expect(run.optimizer.paramGroups[0]?.lr).toBeCloseTo(0.001, 12);
    expect(warnings.map((message) => message.replace(/.* has no/, 'has no'))).toEqual([
      'has no loader: that part of the run begins anew',
      'has no rng_state: that part of the run begins anew',
    ]);
  });
});

describe('a run that goes on with other settings', () => {
  const rate = (lr: number) => (options: object) => {
    const run = makeRun();
    const optimizer = new optim.SGD(run.model.parameters(), { lr, momentum: 0.9, weightDecay: lr / 10 });
    const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [1, 2]);
    const loss = ([x, labels]: Pair) => nn.functional.crossEntropy(run.model.forward(x), labels);
    const { model, data } = run;
    return makeRun({
      model,
      data,
      optimizer,
      scheduler,
      loss,
      ema: undefined,
      schedulerStep: 'epoch',
      ...options,
    });
  };
  const rates = (seen: number[]) => ({ onEpoch: ({ lr }: { lr: number }) => seen.push(lr) });

  it('is refused where they are not asked for, and changes nothing that it has written', async () => {
    const output = tmp();
    const { signal, callbacks } = stopAfter(8);
    await rate(0.1)({ output, callbacks }).trainer.fit({ signal });
    const bytes = readFileSync(join(output, 'checkpoint.pth'));
    await expect(rate(0.2)({ output }).trainer.fit({ resume: 'auto' })).rejects.toThrow(
      /^Expected the settings of .*000008\.pth for the optimizer and the schedule, got others; it has (weight_decay 0\.01 \(here 0\.02\)|initial_lr 0\.1 \(here 0\.2\)), .*, base_lrs \[0\.1\] \(here \[0\.2\]\)\. Set/,
    );
    const run = rate(0.1)({ output });
    const longer = new optim.lrScheduler.MultiStepLR(run.optimizer, [2]);
    const other = rate(0.1)({ output, optimizer: run.optimizer, scheduler: longer });
    await expect(other.trainer.fit({ resume: 'auto' })).rejects.toThrow('milestones');
    expect(readFileSync(join(output, 'checkpoint.pth'))).toEqual(bytes);
  });

  it('has them from there on where they are', async () => {
    const output = tmp();
    const { signal, callbacks } = stopAfter(8);
    const before: number[] = [];
    await rate(0.1)({ output, callbacks: [callbacks, rates(before)] }).trainer.fit({ signal });
    const after: number[] = [];
    const run = rate(0.2)({ output, callbacks: rates(after) });
    await run.trainer.fit({ resume: 'auto', override: true });
    expect(before).toEqual([0.1]);
    expect(after.map((lr) => lr.toFixed(6))).toEqual(['0.020000', '0.002000']);
    const saved = load<{ optimizer: { param_groups: { weight_decay: number }[] } }>(
      join(output, 'checkpoint.pth'),
    );
    expect(saved.optimizer.param_groups[0]?.weight_decay).toBe(0.02);
    // Saved as they are now: they are no change from here on.
    await rate(0.2)({ output }).trainer.fit({ resume: 'auto' });
  });

  it('is told of a rate that no schedule accounts for', async () => {
    const output = tmp();
    await makeRun({ output, scheduler: undefined, epochs: 1 }).trainer.fit();
    const warnings: string[] = [];
    const run = makeRun({
      output,
      scheduler: undefined,
      callbacks: { onWarning: (text) => warnings.push(text) },
    });
    for (const group of run.optimizer.paramGroups) group.lr = 0.5;
    await run.trainer.fit({ resume: 'auto' });
    expect(warnings).toEqual([
      expect.stringMatching(/^The run goes on with the rate 0\.1 of .* \(here 0\.5\)$/),
    ]);
  });
});

describe('data that fails', () => {
  it('loses nothing that was trained: the run goes on as if nothing had been', async () => {
    const output = tmp();
    const warnings: string[] = [];
    const failing = makeRun({ output, callbacks: { onWarning: (text) => warnings.push(text) } });
    const { dataset } = failing.data as unknown as { dataset: { get: (index: number) => Pair } };
    const get = dataset.get.bind(dataset);
    let reads = 0;
    dataset.get = (index) => {
      if (++reads > 40) throw new Error('the disk is gone');
      return get(index);
    };
    await expect(failing.trainer.fit()).rejects.toThrow('the disk is gone');
    expect(warnings).toEqual([
      expect.stringMatching(/^The data failed in epoch 1, behind batch \d; .*0000\d+\.pth has the run$/),
    ]);
    const step = Number(load<{ step: number }>(join(output, 'checkpoint.pth')).step);
    expect(step).toBeGreaterThan(BATCHES);
    const run = makeRun({ output }, 3);
    await run.trainer.fit({ resume: 'auto' });
    expect(run.bytes()).toEqual(whole.bytes());
  });

  it('writes no half of a step', async () => {
    const output = tmp();
    const warnings: string[] = [];
    const model = new nn.Linear(1, 1);
    const data = {
      length: 6,
      *[Symbol.iterator]() {
        for (let i = 0; i < 3; i++) yield tensor([[i]], { dtype: 'float32' });
        throw new Error('the disk is gone');
      },
    };
    const trainer = new Trainer({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      data,
      loss: (x) => model.forward(x).square().mean(),
      accumulate: 2,
      epochs: 1,
      output,
      saveEvery: 1,
      callbacks: { onWarning: (text) => warnings.push(text) },
    });
    await expect(trainer.fit()).rejects.toThrow('the disk is gone');
    expect(Number(load<{ batch: number }>(join(output, 'checkpoint.pth')).batch)).toBe(2);
    expect(warnings).toEqual([expect.stringContaining('checkpoint-000000001.pth has the run')]);
  });
});

describe('checkpoints of a run', () => {
  it('are the last few, the newest and the best', async () => {
    const output = tmp();
    const figures = [3, 9, 4];
    await makeRun({
      output,
      keepLast: 1,
      evaluate: (_, epoch) => ({ top1: figures[epoch] as number }),
      best: { figure: 'top1' },
      extra: { arch: 'mine' },
    }).trainer.fit();
    expect(readdirSync(output).sort()).toEqual([
      'checkpoint-000000021.pth',
      'checkpoint.pth',
      'model_best.pth',
    ]);
    const best = load<Record<string, unknown>>(join(output, 'model_best.pth'));
    const newest = load<Record<string, unknown>>(join(output, 'checkpoint.pth'));
    expect([best.epoch, newest.epoch]).toEqual([2, 3]);
    expect([newest.best_acc, newest.arch]).toEqual([9, 'mine']);
  });

  it('have as the best what there is a file of', async () => {
    const folder = tmp();
    const output = join(folder, 'run');
    writeFileSync(output, 'a file where the folder should be');
    const figures = [9, 3, Number.NaN];
    const run = makeRun({
      output,
      evaluate: (_, epoch) => ({ top1: figures[epoch] as number }),
      best: { figure: 'top1' },
      callbacks: { onWarning: () => rmSync(output) },
    });
    expect(await run.trainer.fit()).toMatchObject({ best: 3 });
    expect(load<{ epoch: number; best_acc: number }>(join(output, 'model_best.pth'))).toMatchObject({
      epoch: 2,
      best_acc: 3,
    });
  });

  it('that cannot be written are a warning, and an error at the end', async () => {
    const folder = tmp();
    const output = join(folder, 'run');
    writeFileSync(output, 'a file where the folder should be');
    const warnings: string[] = [];
    const run = makeRun({
      output,
      saveEvery: 5,
      callbacks: { onWarning: (message) => warnings.push(message) },
    });
    await expect(run.trainer.fit()).rejects.toMatchObject({ name: 'TrainError', code: 'ERR_TRAIN_SAVE' });
    expect(warnings.length).toBeGreaterThan(3);
    expect(warnings[0]).toMatch(/^The checkpoint of step 5 could not be written: .*; the run goes on/);
    expect(run.bytes()).toEqual(whole.bytes());
    expect(existsSync(join(folder, 'run/checkpoint.pth'))).toBe(false);
    mkdirSync(join(folder, 'ok'));
  });
});
