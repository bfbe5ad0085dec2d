// Does memory stay bounded without any dispose? 1,000 temporaries of 40 MB, peak resident MB by kind of loop.
import { join } from 'node:path';
import { compare, report, root } from './harness.mjs';

const loop = (name, kind) => ({
  name,
  command: process.execPath,
  args: [join(root, 'bench/peers/memory-loop.mjs'), kind],
});
const rows = compare(
  [
    loop('disposed each turn', 'dispose'),
    loop('synchronous loop', 'sync'),
    loop('microtask loop', 'microtask'),
    loop('event-loop turns', 'turns'),
    loop('graph of 120 MB a turn', 'graph'),
  ],
  3,
);
report('memory-loop', '1,000 temporaries of 40 MB: peak resident MB', rows);
