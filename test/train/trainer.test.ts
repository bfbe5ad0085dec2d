import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { memoryStats, randn, tensor } from '../../lib/tensor/index.ts';
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { makeRun, type Pair } from './runs.ts';

describe('Trainer', () => {
  it('does what a loop written by hand does', async () => {
    const run = makeRun({ scheduler: undefined, ema: undefined });
    await run.trainer.fit();
    const byHand = makeRun();
    byHand.model.train();
    for (let epoch = 0; epoch < 3; epoch++) {
      for await (const [x, labels] of byHand.data) {
        const scores = byHand.model.forward(x.add(randn(x.shape).mul(0.01)));
        byHand.optimizer.zeroGrad();
        nn.functional.crossEntropy(scores, labels).backward();
        byHand.optimizer.step();
      }
    }
    const [mine, theirs] = [run, byHand].map(({ model }) =>
      [...model.stateDict().values()].map((t) => t.toArray()),
    );
    expect(mine).toEqual(theirs);
  });

  it('adds up the gradients of several batches into one step, fewer at the end of an epoch', async () => {
    const build = () => {
      const model = new nn.Linear(2, 1);
      for (const parameter of model.parameters()) nn.init.constant_(parameter, 0.5);
      return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) };
    };
    const x = Array.from({ length: 5 }, (_, i) => [i, i / 2]);
    const loss = (model: nn.Linear) => (batch: unknown) =>
      model
        .forward(batch as never)
        .square()
        .mean();
    const many = build();
    const batches = () => x.map((row) => tensor([row], { dtype: 'float32' }));
    const data = {
      length: 5,
      *[Symbol.iterator]() {
        yield* batches();
      },
    };
    const trainer = new Trainer({ ...many, data, loss: loss(many.model), epochs: 1, accumulate: 2 });
    expect(await trainer.fit()).toMatchObject({ step: 3 });
    const few = build();
    for (const rows of [x.slice(0, 2), x.slice(2, 4), x.slice(4)]) {
      few.optimizer.zeroGrad();
      loss(few.model)(tensor(rows, { dtype: 'float32' })).backward();
      few.optimizer.step();
    }
    const weights = (model: nn.Linear) => model.weight.flatten().toArray() as number[];
    for (const [i, weight] of weights(many.model).entries())
      expect(weight).toBeCloseTo(weights(few.model)[i] as number, 5);
  });

  it('counts the batches that there are, where some are left out', async () => {
    const step = async (rows: number[][], length: number) => {
      const model = new nn.Linear(2, 1);
      for (const parameter of model.parameters()) nn.init.constant_(parameter, 0.5);
      const data = {
        length,
        *[Symbol.iterator]() {
          for (const row of rows) yield tensor([row], { dtype: 'float32' });
        },
      };
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const loss = (batch: never) => model.forward(batch).square().mean();
      const { step } = await new Trainer({ model, optimizer, data, loss, epochs: 1, accumulate: 4 }).fit();
      return { step, weight: model.weight.flatten().toArray() };
    };
    const rows = [
      [1, 2],
      [3, 1],
      [2, 2],
      [0, 1],
      [4, 1],
      [1, 1],
    ];
    // Eight were to come: the last step has two batches of the four that it was to have.
    expect(await step(rows, 8)).toEqual(await step(rows, 6));
  });

  it('updates the average every so many steps', async () => {
    const updates: number[] = [];
    const run = makeRun({ emaSteps: 3, epochs: 1, callbacks: {} });
    const update = run.ema.updateParameters.bind(run.ema);
    let steps = 0;
    run.optimizer.registerStepPostHook(() => void steps++);
    run.ema.updateParameters = (model) => {
      updates.push(steps);
      update(model);
    };
    await run.trainer.fit();
    expect(updates).toEqual([3, 6]);
  });

  it('stops at a loss that is no finite number before a weight is changed', async () => {
    let step = 0;
    const run = makeRun({
      loss: ([x, labels]) => {
        const loss = nn.functional.crossEntropy(run.model.forward(x), labels);
        return ++step === 4 ? loss.mul(Number.NaN) : loss;
      },
    });
    await expect(run.trainer.fit()).rejects.toMatchObject({
      name: 'TrainError',
      code: 'ERR_TRAIN_NON_FINITE',
      message:
        'Epoch 0, batch 3: Expected a finite loss, got NaN; lower the learning rate, or clip gradients',
    });
    expect(run.losses.length).toBe(3);
    expect([...run.model.parameters()].every((parameter) => parameter.isfinite().all().item())).toBe(true);
  });

  it('clips gradients, and runs what is to be done before a step when they are there', async () => {
    const norms: number[] = [];
    const run = makeRun({
      clipGradNorm: 0.01,
      epochs: 1,
      beforeStep: () => {
        norms.push(Math.hypot(...[...run.model.parameters()].map(({ grad }) => Number(grad?.norm().item()))));
      },
      callbacks: {},
    });
    const before = [...run.model.parameters()].map((parameter) => parameter.clone());
    await run.trainer.fit();
    expect(norms.every((norm) => norm > 0.01)).toBe(true);
    const moved = [...run.model.parameters()].map((parameter, i) =>
      Number(
        parameter
          .sub(before[i] as never)
          .norm()
          .item(),
      ),
    );
    expect(Math.hypot(...moved)).toBeLessThan(0.1 * 0.01 * 10 * 7);
  });

  it('trains with several optimizers, and in bfloat16', async () => {
    const run = makeRun();
    const [first, last] = [run.model.get(0), run.model.get(4)] as nn.Linear[];
    const optimizers = {
      model: new optim.SGD((first as nn.Linear).parameters(), { lr: 0.1 }),
      head: new optim.Adam((last as nn.Linear).parameters(), { lr: 0.01 }),
    };
    const before = [first, last].map((layer) => (layer as nn.Linear).weight.clone());
    const both = makeRun({
      model: run.model,
      optimizer: optimizers,
      amp: 'bfloat16',
      scheduler: undefined,
      ema: undefined,
      epochs: 1,
      loss: ([x, labels]) => {
        const scores = run.model.forward(x);
        expect(scores.dtype).toBe('bfloat16');
        return nn.functional.crossEntropy(scores, labels);
      },
    });
    await both.trainer.fit();
    for (const [i, layer] of [first, last].entries())
      expect(
        (layer as nn.Linear).weight
          .eq(before[i] as never)
          .all()
          .item(),
      ).toBe(false);
  });

  it('evaluates the average of the weights where there is one, and tells what it does', async () => {
    const seen: unknown[] = [];
    const steps: unknown[] = [];
    const run = makeRun({
      epochs: 2,
      evaluate: (model, epoch) => {
        seen.push([model === run.ema.module, model.training]);
        return { loss: 3 - epoch };
      },
      best: { figure: 'loss', mode: 'min' },
      callbacks: {
        onStep: ({ epoch, batch, batches, step }) => steps.push([epoch, batch, batches, step]),
        onEpoch: ({ epoch, val, isBest, train }) => seen.push([epoch, val, isBest, Object.keys(train)]),
      },
    });
    expect(await run.trainer.fit()).toMatchObject({ best: 2, checkpoint: undefined });
    expect(seen).toEqual([
      [true, false],
      [0, { loss: 3 }, true, ['loss', 'size']],
      [true, false],
      [1, { loss: 2 }, true, ['loss', 'size']],
    ]);
    expect([steps[0], steps.at(-1)]).toEqual([
      [0, 1, 7, 1],
      [1, 7, 7, 14],
    ]);
  });

  it('steps schedules once an epoch, those of a figure with the loss of the evaluation', async () => {
    const { optimizer, model, data } = makeRun();
    const plateau = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { patience: 0 });
    const loss = ([x, labels]: Pair) => nn.functional.crossEntropy(model.forward(x), labels);
    const rates: number[] = [];
    const options = { model, optimizer, data, loss, ema: undefined, schedulerStep: 'epoch' as const };
    const callbacks = { onEpoch: ({ lr }: { lr: number }) => rates.push(lr) };
    await makeRun({ ...options, scheduler: plateau, callbacks, evaluate: () => ({ loss: 1 }) }).trainer.fit();
    expect(rates).toEqual([0.1, 0.1, 0.010000000000000002]);
    await expect(makeRun({ ...options, scheduler: plateau }).trainer.fit()).rejects.toThrow(
      'Expected a figure "loss"',
    );
  });

  it('leaves no tensors behind', async () => {
    const run = makeRun({ epochs: 2 });
    await run.trainer.fit();
    await collectGarbage();
    const before = memoryStats().tensors;
    await makeRun({
      model: run.model,
      optimizer: run.optimizer,
      epochs: 4,
      ema: undefined,
      scheduler: undefined,
      loss: ([x, labels]) => nn.functional.crossEntropy(run.model.forward(x), labels),
    }).trainer.fit();
    await collectGarbage();
    expect(memoryStats().tensors).toBeLessThanOrEqual(before);
  });

  it.each<[Partial<Record<keyof TrainerOptions<Pair> | 'epoch', unknown>>, string]>([
    [{ model: 3 }, 'Expected a Module for Trainer model, got'],
    [{ optimizer: null }, 'Expected an Optimizer, or several by name for Trainer optimizer, got null'],
    [{ optimizer: { a: 1 } }, 'Expected an Optimizer for Trainer optimizer a, got'],
    [{ data: 4 }, 'Expected an iterable of batches for Trainer data, got'],
    [{ loss: 'mse' }, 'Expected a function for Trainer loss, got'],
    [{ epochs: 0 }, 'Expected an integer of at least 1 for Trainer epochs, got 0'],
    [{ epochs: undefined }, 'for Trainer epochs, got undefined'],
    [{ accumulate: 1.5 }, 'for Trainer accumulate, got 1.5'],
    [{ amp: 'fp16' }, 'Expected bfloat16 or float16 for Trainer amp, got "fp16"'],
    [{ schedulerStep: 'batch' }, 'Expected epoch or step for Trainer schedulerStep'],
    [{ clipGradNorm: -1 }, 'Expected a positive number for Trainer clipGradNorm, got -1'],
    [{ ema: 0.9 }, 'Expected an AveragedModel for Trainer ema, got'],
    [{ best: { figure: 'top1' } }, 'Expected evaluate beside best for Trainer'],
    [{ epoch: 3 }, '"epoch"; did you mean epochs?'],
  ])('says what it takes: %o', (options, message) => {
    expect(() => makeRun(options as object)).toThrow(message);
  });

  it('says what a loss function has to give, and that data has to give batches', async () => {
    await expect(makeRun({ loss: (() => 3) as never }).trainer.fit()).rejects.toThrow(
      'Expected a Tensor with one element, or { loss } with one, from Trainer loss, got',
    );
    await expect(makeRun({ loss: ([x]) => x }).trainer.fit()).rejects.toThrow(
      'Expected a Tensor with one element',
    );
    await expect(makeRun({ data: [] }).trainer.fit()).rejects.toMatchObject({ code: 'ERR_TRAIN_EMPTY' });
    const best = makeRun({ evaluate: () => ({ top1: 3 }), best: { figure: 'top5' } });
    await expect(best.trainer.fit()).rejects.toThrow(
      'Expected a number "top5" from Trainer evaluate, got top1',
    );
  });
});
