import { existsSync, readFileSync } from 'node:fs';
import { recordPath, report } from '../harness.mjs';
import { peerVersions, THREADS } from './contestants.mjs';

const ALLOCATOR =
  'glibc malloc as it is, but for rows that say raised: MALLOC_MMAP_THRESHOLD_ 4 GiB, _TRIM_ 8 GiB';

/**
 * Writes and prints rows and bars. Those of an earlier run stay unless they have the same name, so that networks and
 * batch sizes can be measured one by one.
 */
export function record(name, question, { rows, bars = [], notes = {} }) {
  const path = recordPath(name);
  const earlier = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const merged = (old = [], fresh) => [
    ...old.filter((row) => !fresh.some((other) => other.name === row.name)),
    ...fresh,
  ];
  const all = merged(earlier.bars, bars);
  report(name, question, merged(earlier.rows, rows), {
    threads: THREADS,
    allocator: ALLOCATOR,
    peers: peerVersions(),
    ...notes,
    bars: all,
  });
  if (all.length > 0) console.table(Object.fromEntries(all.map(({ name: bar, ...values }) => [bar, values])));
}
