// How long does loading take, warm? The native module over libtorch, the whole package, and Python's import torch; ms.
import { join } from 'node:path';
import { compare, python, report, root } from './harness.mjs';

const script =
  'import time; start = time.perf_counter(); import torch; print({"load": (time.perf_counter() - start) * 1000})';
const peer = (name, what) => ({
  name,
  command: process.execPath,
  args: [join(root, 'bench/peers/load-time.mjs'), what],
});
const rows = compare(
  [
    {
      name: 'Python: import torch',
      command: python,
      args: ['-c', script.replace('print(', 'import json; print(json.dumps(').concat(')')],
    },
    peer('native module and libtorch', 'binding'),
    peer('import ibn-net', 'package'),
  ],
  9,
);
report('load-time', 'Loading, ms (x: against import torch)', rows);
