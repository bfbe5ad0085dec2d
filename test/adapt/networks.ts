import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, noGrad, rand, randn, scope, type Tensor } from '../../lib/tensor/index.ts';

export type Statistics = Readonly<Record<string, number | number[]>>;

type Network = nn.Sequential & { forward(x: Tensor): Tensor };

/** `network()` of scripts/fixtures/adaptation.py, with the same numbers. */
export function network(): Network {
  manualSeed(11);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 8, 3),
    new models.IBN(8),
    new nn.ReLU(),
    new nn.Conv2d(8, 8, 3),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(8, 5),
  );
  manualSeed(12);
  scope(() =>
    noGrad(() => {
      for (const [name, buffer] of model.namedBuffers()) {
        if (name.endsWith('running_mean')) buffer.copy_(randn(buffer.shape).mul(0.1));
        if (name.endsWith('running_var')) buffer.copy_(rand(buffer.shape).add(0.5));
      }
    }),
  );
  return sharpened(model);
}

/** With scores that are far apart. */
function sharpened(model: nn.Sequential): Network {
  const [last] = model.children().slice(-1) as [nn.Linear];
  noGrad(() => last.weight.mul_(8));
  return model.eval() as Network;
}

/** `segmenter()` there: scores of each pixel. */
export function segmenter(): Network {
  const layers = network().children().slice(0, 6);
  return sharpened(new nn.Sequential(...layers, new nn.Conv2d(8, 4, 1)));
}

/** `batches()` there. */
export function drawBatches(seed = 13, sizes = [4, 4, 3]): Tensor[] {
  manualSeed(seed);
  return sizes.map((n) => scope(() => randn([n, 3, 9, 10]).mul(1.7).add(0.4)));
}

export const statisticsOf = (model: nn.Module): Statistics =>
  Object.fromEntries([...model.namedBuffers()].map(([name, buffer]) => [name, toNumbers(buffer.toArray())]));

const toNumbers = (value: unknown): number | number[] =>
  Array.isArray(value) ? value.map(Number) : Number(value);
