import { describe, expect, it } from 'vitest';
import { models, nn } from '../../lib/index.ts';
import { runRanks } from '../helpers/ranks.ts';

describe('SyncBatchNorm', () => {
  it('gives two ranks what one gives with the doubled batch, running statistics included', async () => {
    const reports = (await runRanks(
      2,
      `
      torch.manualSeed(5);
      const alone = torch.models.resnet18_ibn_a({ numClasses: 4 });
      alone.train();
      const synced = nn.SyncBatchNorm.convertSyncBatchnorm(alone.clone());
      const ddp = new nn.parallel.DistributedDataParallel(synced);
      const images = torch.randn([8, 3, 32, 32]);
      const labels = torch.randint(0, 4, [8]);
      const optimizers = [alone, ddp].map((m) => new torch.optim.SGD(m.parameters(), { lr: 0.01 }));
      const worst = (as, bs) => Math.max(...as.map((a, i) => Number(a.sub(bs[i]).abs().max().item())));
      const mine = (t) => t.narrow(0, rank * 4, 4);
      const loss = nn.functional.crossEntropy(alone.forward(images), labels);
      loss.backward();
      nn.functional.crossEntropy(ddp.forward(mine(images)), mine(labels)).backward();
      const gradients = worst(alone.parameters().map((p) => p.grad), ddp.parameters().map((p) => p.grad));
      for (const optimizer of optimizers) optimizer.step();
      report({ gradients, weights: worst(alone.parameters(), ddp.parameters()), buffers: worst(alone.buffers(), ddp.buffers()) });`,
    )) as Record<string, number>[];
    for (const { gradients, weights, buffers } of reports) {
      expect(gradients).toBeLessThan(1e-4);
      expect(weights).toBeLessThan(1e-4);
      expect(buffers).toBeLessThan(1e-4);
    }
  });

  it('counts batches of other sizes, and empty ones, as they are', async () => {
    const reports = (await runRanks(
      3,
      `
      torch.manualSeed(2);
      const all = torch.randn([7, 3, 2, 5], { dtype: 'float64' });
      const sizes = [2, 0, 5], begins = [0, 2, 2];
      const [plain, synced] = [new nn.BatchNorm2d(3, { dtype: 'float64', momentum: 0.3 }), new nn.SyncBatchNorm(3, { dtype: 'float64', momentum: 0.3 })];
      const x = all.clone().requiresGrad_();
      const y = all.narrow(0, begins[rank], sizes[rank]).clone().requiresGrad_();
      const weights = torch.randn([7, 3, 2, 5], { dtype: 'float64' });
      plain.forward(x).mul(weights).sum().backward();
      synced.forward(y).mul(weights.narrow(0, begins[rank], sizes[rank])).sum().backward();
      await distributed.allReduce(synced.weight.grad ?? (synced.weight.grad = torch.zeros([3], { dtype: 'float64' })));
      const far = (a, b) => (a.numel() === 0 ? 0 : Number(a.sub(b).abs().max().item()));
      report([far(y.grad ?? y.mul(0), x.grad.narrow(0, begins[rank], sizes[rank])), far(synced.weight.grad, plain.weight.grad),
        far(synced.running_mean, plain.running_mean), far(synced.running_var, plain.running_var)]);`,
    )) as number[][];
    for (const figures of reports) for (const figure of figures) expect(figure).toBeLessThan(1e-9);
  });

  it('takes the place of every batch normalisation, with its parameters, keys and buffers', () => {
    const model = models.resnet18_ibn_a();
    const before = model.stateDict();
    const norms = model.modules().filter((module) => module instanceof nn.BatchNorm2d).length;
    const converted = nn.SyncBatchNorm.convertSyncBatchnorm(model);
    expect(converted).toBe(model);
    expect(model.modules().filter((module) => module instanceof nn.SyncBatchNorm)).toHaveLength(norms);
    expect(model.modules().some((module) => module instanceof nn.BatchNorm2d)).toBe(false);
    expect([...model.stateDict().keys()]).toEqual([...before.keys()]);
    const single = nn.SyncBatchNorm.convertSyncBatchnorm(new nn.BatchNorm1d(3, { eps: 0.5, affine: false }));
    expect(String(single)).toBe(
      'SyncBatchNorm(3, eps=0.5, momentum=0.1, affine=False, bias=False, track_running_stats=True)',
    );
  });
});
