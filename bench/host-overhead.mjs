// What do small networks cost that Python's would not? Forward of a linear layer on one row, a training step of a 20-layer
// perceptron, a step of AdamW over resnet50_ibn_a's parameters; one thread, microseconds each.
import { join } from 'node:path';
import { compare, python, report, root } from './harness.mjs';

const rows = compare(
  [
    { name: 'Python torch', command: python, args: [join(root, 'bench/peers/host_overhead.py')] },
    { name: 'ibn-net', command: process.execPath, args: [join(root, 'bench/peers/host-overhead.mjs')] },
  ],
  Number(process.env.ROUNDS ?? 7),
);
report('host-overhead', 'Cost of small networks, microseconds (x: against Python torch)', rows);
