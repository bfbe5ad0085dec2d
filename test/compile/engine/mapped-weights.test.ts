import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, loadInto, save } from '../../../lib/checkpoint/index.ts';
import { compile } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { noGrad, randn, type Tensor } from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/index.ts';
import { relativeError } from '../../helpers/plans.ts';

/** Two convolutions of 2.4 and 9.4 MB and a linear layer of 2 MB. */
const network = () =>
  new nn.Sequential(
    new nn.Conv2d(256, 256, 3, { padding: 1 }),
    new nn.BatchNorm2d(256),
    new nn.ReLU(),
    new nn.Conv2d(256, 1024, 3),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(1024, 512),
  ).eval();

const INPUT = [1, 256, 8, 8];

/** Resident kB of the mappings of a file. */
function residentOf(path: string): number {
  let [resident, inside] = [0, false];
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) inside = line.endsWith(path);
    else if (inside && line.startsWith('Rss:')) resident += Number(/\d+/.exec(line)?.[0]);
  }
  return resident;
}

async function agreement(model: nn.Module): Promise<void> {
  const x = randn(INPUT);
  const fast = await compile(model, { inputs: [INPUT], threads: 1 });
  try {
    const result = (await fast.run(x)) as Tensor;
    expect(relativeError(result, noGrad(() => model.forward(x)) as Tensor)).toBeLessThan(1e-5);
  } finally {
    fast.dispose();
  }
}

describe.runIf(process.platform === 'linux')('weights in a mapped file', () => {
  it('are packed without staying in memory', async () => {
    const path = join(tmp(), 'weights.pth');
    save(network().stateDict(), path);
    const model = network();
    loadInto(model, path, { mmap: true });
    const fast = await compile(model, { inputs: [INPUT], threads: 1 });
    fast.dispose();
    const afterPacking = residentOf(path);
    noGrad(() => model.forward(randn(INPUT)));
    const afterReading = residentOf(path);
    expect(afterReading).toBeGreaterThan(13_000);
    expect(afterPacking).toBeLessThan(afterReading / 4);
    await agreement(model);
  });

  it.each([0, 3, 6])('are packed as they are where they were written to: layer %i', async (index) => {
    const path = join(tmp(), 'weights.pth');
    save(network().stateDict(), path);
    const model = network();
    loadInto(model, path, { mmap: true });
    const { weight } = model.get(index) as nn.Linear;
    // One element, on one page of many.
    noGrad(() => weight.narrow(0, 100, 1).narrow(1, 7, 1).fill_(40));
    const before = residentOf(path);
    expect(before).toBeGreaterThan(0);
    await agreement(model);
    const again = load(path) as Map<string, Tensor>;
    expect((again.get(`${index}.weight`) as Tensor).max().item()).toBeLessThan(40);
  });
});
