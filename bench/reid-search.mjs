// How long does an exact search of a gallery take, and how many bytes does it read? Against a product of the whole float32 matrix
// with the query, zvec's flat index and LanceDB without an index, which are exact too. A process each, 100 queries, k = 10.
//   SEARCH_PEERS=<folder with @zvec/zvec and @lancedb/lancedb> node bench/reid-search.mjs [entries, 100000] [width, 2048] [programs]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { report, root, rounded } from './harness.mjs';

const [entries = '100000', width = '2048', programs] = process.argv.slice(2);
const peers = process.env.SEARCH_PEERS === undefined ? [] : ['zvec', 'lancedb'];
const names = programs?.split(',') ?? ['product', 'ibn-net', ...peers];

const results = names.map((name) => {
  const args = [join(root, 'bench/peers/reid-search.mjs'), name, entries, width];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8 });
  if (run.status !== 0) throw new Error(`${name} failed:\n${run.stderr}`);
  return { name, ...JSON.parse(run.stdout.trim().split('\n').pop()) };
});
const [exact] = results;
const recallOf = ({ ids }) =>
  ids.flatMap((found, query) => found.filter((id) => exact.ids[query].includes(id))).length /
  ids.flat().length;

report(
  entries === '100000' && width === '2048' ? 'reid-search' : `reid-search-${entries}x${width}`,
  `Exact search of ${Number(entries).toLocaleString('en')} features of ${width} numbers, k = 10: ms, MB`,
  results.map((result) => {
    const { name, ids: _, ...figures } = result;
    const medians = Object.entries(figures).map(([key, value]) => [key, rounded(value)]);
    return { name, medians: { ...Object.fromEntries(medians), recall: recallOf(result) } };
  }),
  { entries: Number(entries), width: Number(width), recallAgainst: exact.name },
);
