// What does one op call cost from JavaScript, against Python? add on tensors of one element, one thread, ns a call.
import { join } from 'node:path';
import { compare, python, report, root } from './harness.mjs';

const rows = compare(
  [
    { name: 'Python torch', command: python, args: [join(root, 'bench/peers/call_overhead.py')] },
    { name: 'ibn-net', command: process.execPath, args: [join(root, 'bench/peers/call-overhead.mjs')] },
  ],
  7,
);
report('call-overhead', 'Cost of one op call, ns (x: against Python torch)', rows);
