import { DataLoader, TensorDataset, transforms } from '../../lib/data/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { cat, manualSeed, randint, randn, type Tensor } from '../../lib/tensor/index.ts';
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts';

export type Pair = [Tensor, Tensor];

/** A run that draws random numbers wherever one can: order, samples, dropout, the loss itself. */
export function makeRun(options: Partial<TrainerOptions<Pair>> = {}, seed = 7) {
  manualSeed(1);
  const pairs = new TensorDataset(randn([26, 6]), randint(0, 3, [26]));
  const noisy = {
    length: pairs.length,
    get(index: number): Pair {
      const [x, label] = pairs.get(index) as Pair;
      return [x.add(randn([6], { generator: transforms.sampleGenerator() }).mul(0.1)), label];
    },
  };
  manualSeed(seed);
  const model = new nn.Sequential(
    new nn.Linear(6, 16),
    new nn.BatchNorm1d(16),
    new nn.ReLU(),
    new nn.Dropout(0.4),
    new nn.Linear(16, 3),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, 12);
  const ema = new optim.swaUtils.AveragedModel(model, {
    multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.9),
  });
  const data = new DataLoader<Pair, Pair>(noisy, { batchSize: 4, shuffle: true });
  const losses: number[] = [];
  const trainer = new Trainer<Pair>({
    model,
    optimizer,
    data,
    scheduler,
    schedulerStep: 'step',
    ema,
    loss: ([x, labels]) => {
      const scores = model.forward(x.add(randn(x.shape).mul(0.01)));
      return { loss: nn.functional.crossEntropy(scores, labels), size: x.shape[0] as number };
    },
    epochs: 3,
    callbacks: { onStep: ({ values }) => losses.push(values.loss as number) },
    ...options,
  });
  /** All numbers of the model, its average and the optimizer's state. */
  const bytes = () => {
    const tensors = [...model.stateDict().values(), ...ema.stateDict().values()];
    return cat(tensors.map((tensor) => tensor.to('float64').flatten())).toArray();
  };
  return { model, optimizer, scheduler, ema, data, trainer, losses, bytes };
}
