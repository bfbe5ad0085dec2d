// Searches features by one program; prints ms at the median and the 99th percentile, MB read and resident, and the ids found.
//   node bench/peers/reid-search.mjs ibn-net|product|zvec|lancedb ENTRIES WIDTH
// zvec and lancedb are loaded from the folder SEARCH_PEERS, where they are installed.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { manualSeed, noGrad, randn, reid, scope } from '../../dist/index.js';

const [how, entries, width] = process.argv.slice(2);
const [ENTRIES, WIDTH, QUERIES, IDENTITIES, PART] = [Number(entries), Number(width), 105, 5000, 5000];

manualSeed(0);
const centres = randn([IDENTITIES, WIDTH]);
/** Features of some images: their identity's centre and as much noise, of length 1. */
const drawn = (count) =>
  noGrad(() =>
    scope(() => {
      const rows = randn([count]).abs().mul(1000).to('int64').remainder(IDENTITIES);
      const features = centres.indexSelect(0, rows).add(randn([count, WIDTH]));
      return features.div(features.norm(2, 1, true));
    }),
  );
const nameOf = (index) => String(index).padStart(8, '0');

/** Calls `take(values, start)` with the features of some entries after the other. */
async function eachPart(take) {
  for (let start = 0; start < ENTRIES; start += PART) {
    const part = drawn(Math.min(PART, ENTRIES - start));
    await take(part, start);
    part.dispose();
  }
}
const rowsOf = (part, start) => {
  const values = part.data();
  return Array.from({ length: part.size(0) }, (_, index) => ({
    id: nameOf(start + index),
    feature: values.subarray(index * WIDTH, (index + 1) * WIDTH),
  }));
};
const peer = (name) =>
  import(pathToFileURL(createRequire(join(process.env.SEARCH_PEERS, 'x.js')).resolve(name)));
const folder = mkdtempSync(join(tmpdir(), 'reid-search-'));

const PROGRAMS = {
  async 'ibn-net'() {
    const gallery = await reid.Gallery.open({ width: WIDTH });
    await eachPart((part, start) => gallery.enrol(rowsOf(part, start)));
    return async (query) => {
      const { matches, rescored } = await gallery.search(query.data(), { k: 10 });
      return { ids: matches.map(({ id }) => Number(id)), bytes: (ENTRIES + 4 * rescored) * WIDTH };
    };
  },
  async product() {
    const matrix = centres.newEmpty([ENTRIES, WIDTH]);
    await eachPart((part, start) => matrix.narrow(0, start, part.size(0)).copy_(part));
    return async (query) => {
      const ids = scope(() => matrix.mv(query).topk(10).indices.toArray());
      return { ids, bytes: ENTRIES * WIDTH * 4 };
    };
  },
  async zvec() {
    const loaded = await peer('@zvec/zvec');
    const zvec = loaded.default ?? loaded;
    const vectors = {
      name: 'feature',
      dataType: zvec.ZVecDataType.VECTOR_FP32,
      dimension: WIDTH,
      indexParams: { indexType: zvec.ZVecIndexType.FLAT, metricType: zvec.ZVecMetricType.IP },
    };
    const schema = new zvec.ZVecCollectionSchema({ name: 'bench', vectors });
    const collection = zvec.ZVecCreateAndOpen(join(folder, 'zvec'), schema);
    await eachPart((part, start) => {
      const rows = rowsOf(part, start).map(({ id, feature }) => ({ id, vectors: { feature } }));
      for (let at = 0; at < rows.length; at += 500) collection.insertSync(rows.slice(at, at + 500));
    });
    collection.optimizeSync();
    return async (query) => {
      const found = collection.querySync({ fieldName: 'feature', vector: query.data(), topk: 10 });
      return { ids: found.map(({ id }) => Number(id)) };
    };
  },
  async lancedb() {
    const lancedb = await peer('@lancedb/lancedb');
    const database = await lancedb.connect(join(folder, 'lance'));
    let table;
    const arrow = await peer('apache-arrow');
    await eachPart(async (part, start) => {
      const length = part.size(0);
      const type = new arrow.FixedSizeList(WIDTH, new arrow.Field('item', new arrow.Float32()));
      const child = arrow.makeVector(part.data()).data[0];
      const vector = arrow.makeVector(arrow.makeData({ type, length, child }));
      const id = arrow.vectorFromArray(
        Array.from({ length }, (_, index) => nameOf(start + index)),
        new arrow.Utf8(),
      );
      const rows = new arrow.Table({ id, vector });
      if (table === undefined) table = await database.createTable('bench', rows);
      else await table.add(rows);
    });
    await table.optimize();
    return async (query) => {
      const found = await table.search(query.data()).distanceType('dot').select(['id']).limit(10).toArray();
      return { ids: found.map(({ id }) => Number(id)) };
    };
  },
};

const began = performance.now();
const search = await PROGRAMS[how]();
const enrol = performance.now() - began;
manualSeed(1);
const queries = Array.from({ length: QUERIES }, () => drawn(1).view(WIDTH));
const [times, ids, bytes] = [[], [], []];
for (const query of queries) {
  const start = performance.now();
  const found = await search(query);
  times.push(performance.now() - start);
  ids.push(found.ids);
  if (found.bytes !== undefined) bytes.push(found.bytes);
}
const sorted = times.slice(5).sort((a, b) => a - b);
rmSync(folder, { recursive: true, force: true });
const mean = bytes.reduce((a, b) => a + b, 0) / bytes.length;
console.log(
  JSON.stringify({
    p50: sorted[49],
    p99: sorted[98],
    enrolSeconds: enrol / 1e3,
    ...(bytes.length === 0 ? {} : { readMB: mean / 1e6 }),
    residentMB: process.resourceUsage().maxRSS / 1024,
    ids,
  }),
);
process.exit(0);
