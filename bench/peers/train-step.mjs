// Training steps of a network for train-step.mjs.
//   node train-step.mjs '{"network": .., "batch": 16, "dtype": "float32", "channelsLast": true, "fuseNorms": true, "threads": 2}'
// {"do": "time", "steps": 1}   milliseconds of a step, the last loss, the peak of resident memory
import { readFileSync } from 'node:fs';
import {
  autocast,
  manualSeed,
  models,
  nn,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
} from '../../dist/index.js';
import { answer } from './answers.mjs';

const { network, batch, dtype, channelsLast, fuseNorms, threads } = JSON.parse(process.argv[2]);

function start() {
  setNumThreads(threads);
  manualSeed(0);
  const place = channelsLast ? { memoryFormat: 'channels_last' } : {};
  const model = models[network]().to(place);
  if (fuseNorms) nn.utils.fuseNorms(model);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  const inputs = randn([batch, 3, 224, 224]).to(place);
  const labels = randint(0, 1000, [batch]);
  const lossOf = () => nn.functional.crossEntropy(model.forward(inputs), labels);
  const step = () =>
    scope(() => {
      const loss = dtype === 'bfloat16' ? autocast('cpu', { dtype }, lossOf) : lossOf();
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return Number(loss.item());
    });
  for (let i = 0; i < 2; i++) step();
  return step;
}

function time(step, { steps }) {
  const began = performance.now();
  let loss;
  for (let i = 0; i < steps; i++) loss = step();
  const ms = (performance.now() - began) / steps;
  const peak = /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return { ms, loss, peakMB: Number(peak) * 1.024e-3 };
}

await answer(start, { time });
