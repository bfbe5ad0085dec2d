// One rank of bench/ddp.mjs: medians over blocks of steps in turn.
import {
  distributed,
  manualSeed,
  models,
  nn,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
} from '../../dist/index.js';

const BLOCKS = 5;
const STEPS = 3;

setNumThreads(1);
await distributed.initProcessGroup();
manualSeed(distributed.getRank());
const model = models.resnet18_ibn_a();
const ddp = await nn.parallel.DistributedDataParallel.create(model);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const [images, labels] = [randn([2, 3, 224, 224]), randint(0, 1000, [2])];

const backward = (called) => {
  optimizer.zeroGrad();
  scope(() => nn.functional.crossEntropy(called.forward(images), labels).backward());
};
const ways = {
  aloneMs: async () => {
    ddp.noSync(() => backward(model));
    optimizer.step();
  },
  ddpMs: async () => {
    backward(ddp);
    optimizer.step();
  },
  afterMs: async () => {
    ddp.noSync(() => backward(model));
    for (const { grad } of model.parameters()) {
      await distributed.allReduce(grad);
      grad.div_(2);
    }
    optimizer.step();
  },
};

const times = { aloneMs: [], ddpMs: [], afterMs: [] };
for (let block = 0; block <= BLOCKS; block++)
  for (const [name, step] of Object.entries(ways)) {
    await distributed.barrier();
    const began = performance.now();
    for (let i = 0; i < STEPS; i++) await step();
    await distributed.barrier();
    if (block > 0) times[name].push((performance.now() - began) / STEPS);
  }
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(
  JSON.stringify(Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]))),
);
await distributed.destroyProcessGroup();
