// How long does an exact search of a gallery take, and how many bytes does it read? 2,048 numbers an entry, in memory; against a
// product of the whole float32 matrix with the query.
//   node bench/reid-search.mjs [entries, default 100000]
import { manualSeed, noGrad, randn, reid, scope } from '../dist/index.js';
import { report, rounded } from './harness.mjs';

const ENTRIES = Number(process.argv[2] ?? 100_000);
const [WIDTH, QUERIES, IDENTITIES] = [2048, 60, 5000];

manualSeed(0);
const centres = randn([IDENTITIES, WIDTH]);
/** Features of some images: their identity's centre and as much noise. */
const drawn = (count) =>
  scope(() =>
    centres
      .indexSelect(0, randn([count]).abs().mul(1000).to('int64').remainder(IDENTITIES))
      .add(randn([count, WIDTH])),
  );

const gallery = await reid.Gallery.open({ width: WIDTH });
const matrix = randn([ENTRIES, WIDTH]);
for (let start = 0; start < ENTRIES; start += 5000) {
  const part = drawn(Math.min(5000, ENTRIES - start));
  matrix.narrow(0, start, part.size(0)).copy_(part);
  const values = part.data();
  await gallery.enrol(
    Array.from({ length: part.size(0) }, (_, index) => ({
      id: String(start + index).padStart(8, '0'),
      feature: values.subarray(index * WIDTH, (index + 1) * WIDTH),
    })),
  );
  part.dispose();
}
const unit = noGrad(() => scope(() => matrix.div(matrix.norm(2, 1, true))));
matrix.dispose();
const queries = Array.from({ length: QUERIES }, () => drawn(1).view(WIDTH));

const timesOf = async (search) => {
  const times = [];
  for (const query of queries) {
    const start = performance.now();
    await search(query);
    times.push(performance.now() - start);
  }
  const sorted = times.slice(5).sort((a, b) => a - b);
  return { p50: rounded(sorted[sorted.length >> 1]), p99: rounded(sorted.at(-1)) };
};

let [rescored, agreed] = [0, 0];
for (const query of queries) {
  const result = await gallery.search(query, { k: 10 });
  rescored += result.rescored;
  const top = scope(() => unit.mv(query).topk(10).indices.toArray());
  agreed += result.matches.filter(({ id }) => top.includes(Number(id))).length;
}
const search = await timesOf((query) => gallery.search(query, { k: 10 }));
const product = await timesOf((query) => scope(() => unit.mv(query).topk(10).indices.toArray()));
const mb = (bytes) => rounded(bytes / 1e6);
report(
  'reid-search',
  `Exact search of ${ENTRIES.toLocaleString('en')} features of 2,048 numbers, k = 10: ms, MB read`,
  [
    {
      name: 'ibn-net Gallery.search',
      medians: { ...search, mb: mb(ENTRIES * WIDTH + (rescored / QUERIES) * WIDTH * 4) },
    },
    { name: 'float32 product and topk', medians: { ...product, mb: mb(ENTRIES * WIDTH * 4) } },
  ],
  { entries: ENTRIES, rescored: rounded(rescored / QUERIES), recall: agreed / QUERIES / 10 },
);
