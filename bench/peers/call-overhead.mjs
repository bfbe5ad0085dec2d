import { noGrad, ops, setNumThreads, tensor } from '../../dist/index.js';

setNumThreads(1);
const a = tensor([1]);
const b = tensor([2]);
let sink;

function time(fn, calls = 20_000, blocks = 40) {
  for (let i = 0; i < calls; i++) fn();
  const times = [];
  for (let block = 0; block < blocks; block++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) fn();
    times.push(Number(process.hrtime.bigint() - start) / calls);
  }
  return times.sort((x, y) => x - y)[blocks >> 1];
}

const result = {
  add: time(() => {
    sink = a.add(b);
  }),
  torch_ops_add: time(() => {
    sink = ops.aten.add.Tensor(a, b);
  }),
  view: time(() => {
    sink = a.view([1, 1]);
  }),
  sum: time(() => {
    sink = a.sum();
  }),
};
result.add_no_grad = noGrad(() =>
  time(() => {
    sink = a.add(b);
  }),
);
result.add_disposed = time(() => {
  sink = a.add(b);
  sink.dispose();
});
console.log(JSON.stringify(result));
