import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { manualSeed, randint, randn, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { Trainer } from '../../lib/train/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { fixture, root, tmp } from '../helpers/files.ts';

setNumThreads(1);
const saved = (name: string) => join(root, 'test/fixtures/train', name);
const wanted = fixture<Record<string, number[]>>('train/exchange.json');

/** The program of `scripts/fixtures/train_exchange.py`. */
function build(epochs: number, output: string, lr = 0.1) {
  manualSeed(0);
  const batches = Array.from({ length: 5 }, () => [randn([4, 6]), randint(0, 3, [4])] as [Tensor, Tensor]);
  const model = new nn.Sequential(
    new nn.Linear(6, 16),
    new nn.BatchNorm1d(16),
    new nn.ReLU(),
    new nn.Linear(16, 3),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9, weightDecay: 1e-4 });
  const data = {
    *[Symbol.iterator]() {
      for (const [x, labels] of batches) yield [x.clone(), labels.clone()] as [Tensor, Tensor];
    },
  };
  const warnings: string[] = [];
  const trainer = new Trainer({
    model,
    optimizer,
    scheduler: new optim.lrScheduler.MultiStepLR(optimizer, [2, 4]),
    data,
    loss: ([x, labels]) => nn.functional.crossEntropy(model.forward(x), labels),
    epochs,
    output,
    callbacks: { onWarning: (text) => warnings.push(text) },
  });
  return { model, trainer, warnings };
}

function expectWanted(values: Iterable<readonly [string, number[]]>): void {
  for (const [key, found] of values) {
    const want = wanted[key] as number[];
    expect(found.length).toBe(want.length);
    expect(want.filter((value, i) => !(Math.abs(value - (found[i] as number)) <= 2e-6))).toEqual([]);
  }
}

const numbersOf = (model: nn.Module) =>
  [...model.stateDict()].map(
    ([key, value]) => [key, Array.from(value.flatten().toArray() as number[], Number)] as const,
  );

const GO_ON = `
import json, sys, torch
from torch import nn
torch.set_num_threads(1)
torch.manual_seed(0)
batches = [(torch.randn(4, 6), torch.randint(0, 3, (4,))) for _ in range(5)]
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], 0.1)
saved = torch.load(sys.argv[1], weights_only=True)
model.load_state_dict(saved['state_dict'])
optimizer.load_state_dict(saved['optimizer'])
scheduler.load_state_dict(saved['scheduler'])
torch.set_rng_state(saved['rng_state'])
for _ in range(saved['epoch'], 5):
    for x, labels in batches:
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    scheduler.step()
print(json.dumps({key: value.flatten().tolist() for key, value in model.state_dict().items()}))
`;

describe('a run that began in Python', () => {
  it.each(['published-run.pth', 'scheduled-run.pth'])('goes on here as it does there: %s', async (name) => {
    const { model, trainer, warnings } = build(5, tmp());
    expect(await trainer.fit({ resume: saved(name) })).toMatchObject({ finished: true, epoch: 5, best: 60 });
    expectWanted(numbersOf(model));
    expect(warnings.map((text) => text.replace(/.*\.pth /, ''))).toEqual([
      'has no rng_state: that part of the run begins anew',
    ]);
  });

  it.each(['published-run.pth', 'scheduled-run.pth'])('is refused with another rate: %s', async (name) => {
    await expect(build(5, tmp(), 0.2).trainer.fit({ resume: saved(name) })).rejects.toMatchObject({
      code: 'ERR_TRAIN_RESUME',
    });
  });

  it('comes here to what it comes to there, from its beginning', async () => {
    const { model, trainer } = build(5, tmp());
    await trainer.fit();
    expectWanted(numbersOf(model));
  });

  it.skipIf(noPythonTorch)('goes on in Python where it left off here', async () => {
    const output = tmp();
    await build(2, output).trainer.fit();
    const found = JSON.parse(runPython(GO_ON, join(output, 'checkpoint.pth'))) as Record<string, number[]>;
    expectWanted(Object.entries(found));
  });
});
