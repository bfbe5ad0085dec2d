import { models, nn, optim, randn, scope, setNumThreads } from '../../dist/index.js';

setNumThreads(1);

/** Median of the blocks, microseconds a call. */
function time(fn, calls, blocks = 15) {
  for (let i = 0; i < calls; i++) fn();
  const times = [];
  for (let block = 0; block < blocks; block++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) fn();
    times.push(Number(process.hrtime.bigint() - start) / calls / 1000);
  }
  return times.sort((x, y) => x - y)[blocks >> 1];
}

const linear = new nn.Linear(8, 8);
const row = randn([1, 8]);
const result = {
  linear: time(() => linear.forward(row), 10_000),
};

const layers = Array.from({ length: 20 }, () => [new nn.Linear(8, 8), new nn.ReLU()]).flat();
const mlp = new nn.Sequential(...layers);
const sgd = new optim.SGD(mlp.parameters(), { lr: 1e-3 });
const target = randn([1, 8]);
const criterion = new nn.MSELoss();
result.mlp_step = time(() => {
  scope(() => {
    sgd.zeroGrad();
    criterion.forward(mlp.forward(row), target).backward();
    sgd.step();
  });
}, 200);

const resnet = models.resnet50_ibn_a();
for (const parameter of resnet.parameters()) parameter.grad = randn(parameter.shape);
const adamw = new optim.AdamW(resnet.parameters());
result.adamw_step = time(() => adamw.step(), 3, 7);
console.log(JSON.stringify(result));
