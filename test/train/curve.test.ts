import { describe, expect, it } from 'vitest';
import { runtimeInfo } from '../../lib/tensor/index.ts';
import { fixture, runChild } from '../helpers/index.ts';
import { PINNED_KERNELS } from '../helpers/pinned-kernels.ts';

/** The published script's loop, as `scripts/fixtures/train_curve.py` has it in Python. */
const PROGRAM = `
const { DataLoader, TensorDataset, manualSeed, models, nn, optim, randint, randn, runtimeInfo, setNumThreads, train } =
  await import(dist + '/index.js');
setNumThreads(1);
manualSeed(0);
const data = new TensorDataset(randn([40, 3, 32, 32]), randint(0, 10, [40]));
const model = models.resnet18_ibn_a({ numClasses: 10 });
model.avgpool = new nn.AvgPool2d(1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
const losses = [];
const trainer = new train.Trainer({
  model,
  optimizer,
  scheduler: new optim.lrScheduler.MultiStepLR(optimizer, [2, 4]),
  data: new DataLoader(data, { batchSize: 4, shuffle: true }),
  loss: ([inputs, targets]) => nn.functional.crossEntropy(model.forward(inputs), targets),
  epochs: 5,
  callbacks: { onStep: ({ values }) => losses.push(values.loss) },
});
await trainer.fit();
console.log(JSON.stringify({ kernels: runtimeInfo().cpuCapability, losses }));
`;
const KERNELS = {
  AVX2: PINNED_KERNELS,
  AVX512: { ATEN_CPU_CAPABILITY: 'avx512', ONEDNN_MAX_CPU_ISA: 'AVX512_CORE', MKL_CBWR: 'AVX512' },
};

describe('50 steps of the published code', () => {
  it.for(['AVX2', 'AVX512'] as const)('have the same losses bit for bit (%s)', async (kernels, context) => {
    if (kernels === 'AVX512' && runtimeInfo().cpuCapability !== kernels) context.skip('no AVX512');
    const wanted = fixture<Record<string, number[]>>('train/curve.json')[kernels];
    const { stdout, stderr } = await runChild(PROGRAM, {
      env: KERNELS[kernels],
      layer: false,
      timeout: 200_000,
    });
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as { kernels: string; losses: number[] };
    expect(found.kernels).toBe(kernels);
    expect(wanted).toHaveLength(50);
    expect(found.losses).toEqual(wanted);
  });
});
