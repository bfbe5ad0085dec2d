import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { load, type Tensor } from '../../lib/index.ts';
import { dist, root, tmp } from '../helpers/files.ts';
import { freePort, rankEnvironment, runProgram, runRanks, runRanksToTheEnd } from '../helpers/ranks.ts';

// Two Python ranks, by scripts/distributed/ddp.py record.
const fixtures = join(root, 'test/fixtures/distributed');
const start = join(fixtures, 'start.pth');
const PYTHON = process.env.PYTHON;

interface Trained {
  state_dict: Map<string, Tensor>;
  losses: number[];
}

/** Trains with a rank of each kind; what they end with. */
async function train(kinds: readonly ('python' | 'node')[]): Promise<Trained[]> {
  const out = join(tmp(), 'rank');
  const port = await freePort();
  const programs = {
    python: [PYTHON as string, join(root, 'scripts/distributed/ddp.py'), 'rank', start, out],
    node: [
      process.execPath,
      join(root, 'test/distributed/ddp-program.mjs'),
      pathToFileURL(dist).href,
      start,
      out,
    ],
  };
  const ended = await Promise.all(
    kinds.map((kind, rank) => {
      const [command, ...args] = programs[kind] as [string, ...string[]];
      return runProgram(command, args, rankEnvironment(rank, kinds.length, port));
    }),
  );
  for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
  return kinds.map((_, rank) => load<Trained>(`${out}.${rank}.pth`));
}

function expectAsRecorded(trained: readonly Trained[]): void {
  for (const [rank, { state_dict, losses }] of trained.entries()) {
    const recorded = load<Trained>(join(fixtures, `python.${rank}.pth`));
    expect([...state_dict.keys()]).toEqual([...recorded.state_dict.keys()]);
    for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(recorded.losses[i] as number, 6);
    for (const [key, expected] of recorded.state_dict) {
      const difference = (state_dict.get(key) as Tensor).sub(expected).abs().max().item();
      expect(Number(difference), key).toBeLessThan(1e-6);
    }
  }
}

describe('DistributedDataParallel', () => {
  it('trains two ranks to what two ranks of Python give', async () => {
    expectAsRecorded(await train(['node', 'node']));
  });

  it.skipIf(PYTHON === undefined)(
    'trains beside a rank of Python, whichever is rank 0 (PYTHON)',
    async () => {
      expectAsRecorded(await train(['python', 'node']));
      expectAsRecorded(await train(['node', 'python']));
    },
  );

  it('gives two ranks what one rank gives with the doubled batch', async () => {
    const reports = (await runRanks(
      2,
      `
      torch.manualSeed(3);
      const network = () => new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(4, 3));
      const alone = network();
      const images = torch.randn([24, 3, 8, 8]);
      const labels = torch.randint(0, 3, [24]);
      const ddp = await nn.parallel.DistributedDataParallel.create(rank === 0 ? alone.clone() : network(), { gradientAsBucketView: true });
      const train = (model, x, y, optimizer) => {
        optimizer.zeroGrad();
        nn.functional.crossEntropy(model.forward(x), y).backward();
        optimizer.step();
      };
      const optimizers = [alone, ddp].map((m) => new torch.optim.SGD(m.parameters(), { lr: 0.2, momentum: 0.9 }));
      for (let step = 0; step < 3; step++) {
        const [x, y] = [images, labels].map((t) => t.narrow(0, step * 8, 8));
        train(alone, x, y, optimizers[0]);
        train(ddp, x.narrow(0, rank * 4, 4), y.narrow(0, rank * 4, 4), optimizers[1]);
      }
      const worst = alone.parameters().map((p, i) => p.sub(ddp.parameters()[i]).abs().max().item());
      report({ worst: Math.max(...worst), keys: [...ddp.stateDict().keys()][0] });`,
    )) as { worst: number; keys: string }[];
    for (const { worst, keys } of reports) {
      expect(worst).toBeLessThan(1e-5);
      expect(keys).toBe('module.0.weight');
    }
  });

  it('finds parameters that get no gradient, and says so where it may not look', async () => {
    const [first] = await runRanks(
      2,
      `
      class Branches extends nn.Module {
        left = new nn.Linear(2, 1);
        right = new nn.Linear(2, 1);
        forward(x, takesLeft) { return { left: takesLeft ? this.left.forward(x) : null, right: this.right.forward(x) }; }
      }
      torch.manualSeed(1);
      const reports = [];
      const x = torch.ones([1, 2]);
      for (const options of [{ findUnusedParameters: true }, { staticGraph: true }]) {
        const ddp = new nn.parallel.DistributedDataParallel(new Branches(), options);
        for (let step = 0; step < 2; step++) {
          ddp.zeroGrad();
          const { left, right } = ddp.forward(x.mul(rank + 1), options.findUnusedParameters && rank === 0);
          (left === null ? right : right.add(left)).sum().backward();
        }
        const { left, right } = ddp.module;
        reports.push([left.weight.grad && Array.from(left.weight.grad.data()), Array.from(right.weight.grad.data())]);
      }
      const strict = new nn.parallel.DistributedDataParallel(new Branches());
      let message;
      try {
        for (let step = 0; step < 2; step++) strict.forward(x, false).right.sum().backward();
      } catch (error) { message = error.message; }
      report({ reports, message });`,
    );
    const { reports, message } = first as { reports: unknown; message: string };
    expect(reports).toEqual([
      [
        [0.5, 0.5],
        [1.5, 1.5],
      ],
      [null, [1.5, 1.5]],
    ]);
    expect(message).toContain('Expected to have finished reduction in the prior iteration');
  });

  it('refuses modules that differ between ranks, and names the rank that ends of it', async () => {
    const [first, second] = await runRanksToTheEnd(
      2,
      'new nn.parallel.DistributedDataParallel(new nn.Linear(2, rank + 1));',
    );
    expect(second?.stderr).toContain(
      'params[0] in this process with sizes [2, 2] appears not to match sizes',
    );
    expect(first?.code).toBe(1);
    expect(first?.stderr).toMatch(/rank 1 \(host .*\) ended or can no longer be reached/);
  });

  it('refuses modules without gradients, unknown options and copies', async () => {
    const [messages] = (await runRanks(
      1,
      `
      const messages = [];
      for (const make of [
        () => new nn.parallel.DistributedDataParallel(new nn.ReLU()),
        () => new nn.parallel.DistributedDataParallel(new nn.Linear(1, 1), { bucketCap: 1 }),
        () => new nn.parallel.DistributedDataParallel(new nn.Linear(1, 1)).clone(),
      ]) {
        try { make(); messages.push('none'); } catch (error) { messages.push(error.message); }
      }
      report(messages);`,
    )) as string[][];
    expect(messages).toMatchInlineSnapshot(`
      [
        "Expected a parameter that requires a gradient for DistributedDataParallel, got none: it is not needed then",
        "Expected a known option for DistributedDataParallel, got "bucketCap"; did you mean bucketCapMb?",
        "DistributedDataParallel cannot be cloned, as its gradients are tied to its group: clone ddp.module",
      ]
    `);
  });
});
