import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tmp } from '../helpers/files.ts';
import { runRanks } from '../helpers/ranks.ts';

/** Trains two epochs of a small network; what it ended with, and how often it saw each sample. */
const program = (folder: string, options: { stopAt?: number; resume?: boolean; epochs?: number }) => `
  const { DataLoader, DistributedSampler, TensorDataset, optim, train } = torch;
  torch.manualSeed(4);
  const images = torch.randn([24, 6]);
  const labels = torch.randint(0, 3, [24]);
  const dataset = new TensorDataset(images, labels, torch.arange(24));
  const model = new nn.Sequential(new nn.Linear(6, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Dropout(0.2), new nn.Linear(8, 3));
  const ddp = worldSize > 1 ? await nn.parallel.DistributedDataParallel.create(model) : undefined;
  const data = new DataLoader(dataset, { batchSize: 2, sampler: new DistributedSampler(dataset, { seed: 9 }) });
  const seen = [], losses = [];
  let saved = 0;
  const stop = new AbortController();
  const trainer = new train.Trainer({
    model, ddp, data, epochs: ${options.epochs ?? 2}, output: ${JSON.stringify(folder)},
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    loss: ([x, y, places], called) => {
      seen.push(...Array.from(places.data(), Number));
      return { loss: nn.functional.crossEntropy(called.forward(x), y), rank };
    },
    evaluate: () => ({ figure: rank }),
    best: { figure: 'figure' },
    callbacks: {
      onStep: ({ step, values }) => { losses.push(values); if (rank === worldSize - 1 && step === ${options.stopAt ?? -1}) stop.abort(); },
      onSave: () => saved++,
    },
  });
  const { finished, step, best } = await trainer.fit({ signal: stop.signal, resume: ${options.resume ? "'auto'" : 'undefined'} });
  const weights = model.parameters().flatMap((p) => Array.from(p.detach().reshape([-1]).data(), Number));
  report({ finished, step, best, saved, seen, rankMean: losses[0]?.rank, weights });
  await distributed.destroyProcessGroup();`;

interface Report {
  finished: boolean;
  step: number;
  best: number;
  saved: number;
  seen: number[];
  rankMean: number;
  weights: number[];
}

const run = async (ranks: number, folder: string, options: Parameters<typeof program>[1]) =>
  (await runRanks(ranks, program(folder, options))) as Report[];

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const each = Array.from({ length: 24 }, (_, i) => i);

describe('ClassificationMetrics over ranks', () => {
  it('have on each rank what all have counted, one that saw nothing among them', async () => {
    const counted = (await runRanks(
      3,
      `
      const { train } = torch;
      torch.manualSeed(5);
      const [scores, labels] = [torch.randn([11, 6]), torch.randint(0, 6, [11])];
      scores.select(0, 7).fill_(NaN);
      const of = (metrics) => ({ ...metrics.summary(), loss: null, confusion: metrics.confusion(), perClass: metrics.perClass() });
      const [whole, part] = [new train.ClassificationMetrics(6), new train.ClassificationMetrics(6)];
      whole.update(scores, labels);
      const [from, many] = [[0, 4], [4, 7], [11, 0]][rank];
      if (many > 0) part.update(scores.narrow(0, from, many), labels.narrow(0, from, many));
      await part.allReduce();
      report([of(whole), of(part)]);`,
    )) as [unknown, unknown][];
    for (const [whole, part] of counted) expect(part).toEqual(whole);
    expect(counted[0]?.[0]).toMatchObject({ samples: 11, nonFinite: 1 });
  });
});

describe('Trainer over two ranks', () => {
  it('shares data and figures, writes once, and goes on after a signal to one rank as if never stopped', async () => {
    const [whole, broken] = [join(tmp(), 'whole'), join(tmp(), 'broken')];
    const unbroken = await run(2, whole, {});
    expect(
      unbroken.map(({ finished, step, best, saved, rankMean }) => [finished, step, best, saved, rankMean]),
    ).toEqual([
      [true, 12, 0, 2, 0.5],
      [true, 12, 0, 0, 0.5],
    ]);
    const [first, second] = unbroken as [Report, Report];
    expect(first.weights).toEqual(second.weights);
    expect(sorted([...first.seen.slice(0, 12), ...second.seen.slice(0, 12)])).toEqual(each);
    const stopped = await run(2, broken, { stopAt: 3 });
    expect(stopped.map(({ finished, step }) => [finished, step])).toEqual([
      [false, 4],
      [false, 4],
    ]);
    const resumed = await run(2, broken, { resume: true });
    for (const { finished, weights } of resumed) {
      expect(finished).toBe(true);
      expect(weights).toEqual(first.weights);
    }
  });

  it('goes on with another number of ranks behind the last batch of an epoch', async () => {
    const folder = join(tmp(), 'behind');
    const stopped = await run(2, folder, { stopAt: 5, epochs: 1 });
    expect(stopped.map(({ finished, step }) => [finished, step])).toEqual([
      [false, 6],
      [false, 6],
    ]);
    const resumed = await run(3, folder, { resume: true, epochs: 1 });
    expect(resumed.map(({ finished, step, seen }) => [finished, step, seen])).toEqual(
      Array.from({ length: 3 }, () => [true, 6, []]),
    );
  });

  it('goes on with another number of ranks, and sees the rest of the epoch once', async () => {
    const folder = join(tmp(), 'moved');
    const stopped = await run(2, folder, { stopAt: 2, epochs: 1 });
    const resumed = await run(1, folder, { resume: true, epochs: 1 });
    expect(resumed[0]?.finished).toBe(true);
    expect(sorted([...stopped, ...resumed].flatMap(({ seen }) => seen))).toEqual(each);
  });
});
