// Saves weights that every peer reads: seeded, with norms that are no identity, statistics taken from the photos of
// the tests so that activations keep their size through a hundred layers.
//   node bench/peers/make-weights.mjs NETWORK FILE.pth
import { manualSeed, models, nn, noGrad, randn, save, setNumThreads } from '../../dist/index.js';
import { photos } from './photos.mjs';

const [, , network, path] = process.argv;
const isNorm = (module) => module instanceof nn.BatchNorm2d || module instanceof nn.InstanceNorm2d;

setNumThreads(2);
manualSeed(0);
const model = models.getModel(network);
noGrad(() => {
  for (const module of model.modules()) {
    if (!isNorm(module)) continue;
    module.weight.copy_(randn(module.weight.shape).mul(0.1).add(1));
    module.bias.copy_(randn(module.bias.shape).mul(0.1));
    if (module instanceof nn.BatchNorm2d) module.momentum = 1; // one pass, and the batch's statistics are the running ones
  }
});
const images = await photos();
model.train();
noGrad(() => model.forward(images));
save(model.stateDict(), path);
