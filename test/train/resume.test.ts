import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { getRngState } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';
import { makeRun } from './runs.ts';

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
    expect(warnings.map((message) => message.replace(/.* has no/, 'has no'))).toEqual([
      'has no loader: that part of the run begins anew',
      'has no rng_state: that part of the run begins anew',
    ]);
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
