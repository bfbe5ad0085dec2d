import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { manualSeed, rand, randn, type Tensor, tensor } from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/files.ts';
import { drawSpread, falseMatchRate, imagesOf } from './calibration.ts';

const WIDTH = 24;
const rowsOf = (matrix: Tensor) => (matrix.toArray() as number[][]).map((row) => Float32Array.from(row));

async function open(path?: string) {
  return reid.Gallery.open({ width: WIDTH, ...(path === undefined ? {} : { path }) });
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  throw new Error('Expected an error, got none');
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, left, right] = [0, 0, 0];
  a.forEach((value, index) => {
    dot += value * (b[index] as number);
    left += value * value;
    right += (b[index] as number) ** 2;
  });
  return dot / (Math.sqrt(left) * Math.sqrt(right));
}

/** All entries compared with the query, sorted. */
function byComparing(entries: ReadonlyMap<string, Float32Array>, query: Float32Array, k: number) {
  return [...entries]
    .map(([id, feature]) => ({ id, similarity: cosine(query, feature) }))
    .sort((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1))
    .slice(0, k);
}

/** Features that are hard to tell apart: differences of one float32 step, copies, multiples, one-hot, tiny and huge ones. */
function nearTies(seed: number): Float32Array[] {
  manualSeed(seed);
  const [base] = rowsOf(randn([1, WIDTH])) as [Float32Array];
  const bits = (step: number) => {
    const copy = base.slice();
    new Uint32Array(copy.buffer)[step % WIDTH] =
      (new Uint32Array(copy.buffer)[step % WIDTH] as number) + 1 + (step >> 5);
    return copy;
  };
  const oneHot = (place: number) => new Float32Array(WIDTH).map((_, index) => (index === place ? 1 : 0));
  return [
    ...Array.from({ length: 90 }, (_, step) => bits(step)),
    ...Array.from({ length: 10 }, () => base.slice()),
    base.map((value) => value * 3),
    base.map((value) => value * 1e-20),
    base.map((value) => value * 1e15),
    base.map((value) => -value),
    ...Array.from({ length: WIDTH }, (_, place) => oneHot(place)),
    ...rowsOf(rand([40, WIDTH])),
    ...rowsOf(randn([80, WIDTH])),
  ];
}

describe('a search', () => {
  it('finds exactly the nearest, near-ties, copies and one-hot features included', async () => {
    for (let seed = 0; seed < 3; seed++) {
      const features = nearTies(seed);
      const entries = new Map(features.map((feature, index) => [`e${index}`, feature]));
      const gallery = await open();
      await gallery.enrol([...entries].map(([id, feature]) => ({ id, feature })));
      for (const query of [
        ...features.slice(0, 4),
        ...features.slice(-60, -50),
        ...features.slice(99, 130),
      ]) {
        for (const k of [1, 7, 1000]) {
          const { matches } = await gallery.search(query, { k });
          const expected = byComparing(entries, query, k);
          expect(matches.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
          expect(matches.map(({ similarity }) => similarity)).toEqual(
            expected.map(({ similarity }) => similarity),
          );
        }
      }
    }
  });

  it('reads few features in full', async () => {
    manualSeed(5);
    const gallery = await reid.Gallery.open({ width: 512 });
    await gallery.enrol(rowsOf(randn([3000, 512])).map((feature, index) => ({ id: `${index}`, feature })));
    const { rescored } = await gallery.search(randn([512]), { k: 5 });
    expect(rescored).toBeLessThan(300);
    expect(rescored).toBeGreaterThanOrEqual(5);
  });

  it('stays exact while entries come, change and go', async () => {
    manualSeed(6);
    const gallery = await open();
    const entries = new Map<string, Float32Array>();
    const features = rowsOf(randn([400, WIDTH]));
    for (const [step, feature] of features.entries()) {
      const id = `e${(step * 7) % 150}`;
      if (!entries.has(id)) await gallery.enrol({ id, feature });
      else if (step % 3 === 0) await gallery.delete(id);
      else await gallery.update(id, { feature });
      if (entries.has(id) && step % 3 === 0) entries.delete(id);
      else entries.set(id, feature);
      if (step % 40 !== 0) continue;
      const { matches } = await gallery.search(feature, { k: 20 });
      expect(matches.map(({ id }) => id)).toEqual(byComparing(entries, feature, 20).map(({ id }) => id));
    }
    expect(gallery.size).toBe(entries.size);
  });

  it('keeps to cameras, identities, times and tags', async () => {
    const gallery = await open();
    const feature = new Float32Array(WIDTH).fill(1);
    const entry = (id: string, facts: reid.EntryFacts) => ({ id, feature, ...facts });
    await gallery.enrol([
      entry('a', { identity: 'anna', camera: 'hall', time: 10, tags: ['staff', 'red'] }),
      entry('b', { identity: 'bert', camera: 'hall', time: 20, tags: ['staff'] }),
      entry('c', { identity: 'anna', camera: 'door', time: 30 }),
      entry('d', {}),
    ]);
    const found = async (filter: reid.SearchOptions) =>
      (await gallery.search(feature, filter)).matches.map(({ id }) => id).join('');
    expect(await found({})).toBe('abcd');
    expect(await found({ camera: 'hall' })).toBe('ab');
    expect(await found({ camera: ['hall', 'door'], identity: 'anna' })).toBe('ac');
    expect(await found({ notCamera: 'hall' })).toBe('cd');
    expect(await found({ time: { from: 20 } })).toBe('bc');
    expect(await found({ time: { from: 10, to: 20 } })).toBe('ab');
    expect(await found({ tags: ['staff', 'red'] })).toBe('a');
    expect(await found({ tags: ['staff'], k: 1 })).toBe('a');
    await gallery.update('b', { tags: ['red'] });
    expect(await found({ tags: ['staff'] })).toBe('a');
    expect(gallery.get('b')).toEqual({ feature, identity: 'bert', camera: 'hall', time: 20, tags: ['red'] });
  });

  it('takes an image where it is told how to make a feature of it', async () => {
    const gallery = await reid.Gallery.open({
      width: 3,
      extract: async (text: string) => [text.length, 1, 0],
    });
    await gallery.enrol({ id: 'x', feature: [4, 1, 0] });
    const { matches } = await gallery.searchImage('four');
    expect(matches[0]?.similarity).toBeCloseTo(1, 12);
    expect(await refusal(async () => (await open()).searchImage('x'))).toContain('option extract');
  });
});

describe('a gallery in a file', () => {
  it('is there again, with all facts and every bit of its features', async () => {
    const path = join(tmp(), 'people.lmdb');
    manualSeed(8);
    const features = rowsOf(randn([50, WIDTH]));
    const first = await open(path);
    await first.enrol(
      features.map((feature, index) => ({ id: `e${index}`, feature, identity: `p${index % 7}` })),
    );
    await first.delete('e3');
    await first.close();
    const second = await open(path);
    expect(second.size).toBe(49);
    expect(second.get('e4')).toEqual({ feature: features[4], identity: 'p4' });
    expect(second.get('e3')).toBeUndefined();
    const { matches } = await second.search(features[9] as Float32Array, { k: 1 });
    expect(matches[0]).toMatchObject({ id: 'e9', identity: 'p2' });
    await second.close();
  });

  it('shows what another has written', async () => {
    const path = join(tmp(), 'people.lmdb');
    const [one, other] = [await open(path), await open(path)];
    const feature = new Float32Array(WIDTH).fill(2);
    await one.enrol({ id: 'a', feature });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(other.size).toBe(1);
    await other.enrol({ id: 'b', feature });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await one.search(feature)).matches.map(({ id }) => id)).toEqual(['a', 'b']);
    await one.close();
    await other.close();
  });

  it('refuses what it cannot do, and changes nothing then', async () => {
    const folder = tmp();
    const path = join(folder, 'people.lmdb');
    const gallery = await open(path);
    const feature = new Float32Array(WIDTH).fill(2);
    await gallery.enrol({ id: 'a', feature });
    const narrow = { ...people(60, 4), features: people(60, 4).features.narrow(1, 0, 8) };
    const said = [
      await refusal(() =>
        gallery.enrol([
          { id: 'b', feature },
          { id: 'a', feature },
        ]),
      ),
      await refusal(() =>
        gallery.enrol([
          { id: 'b', feature },
          { id: 'b', feature },
        ]),
      ),
      await refusal(() => gallery.enrol({ id: 'c', feature: [1, 2] })),
      await refusal(() => gallery.enrol({ id: 'c', feature: new Float32Array(WIDTH) })),
      await refusal(() => gallery.enrol({ id: 'c', feature: new Float32Array(WIDTH).fill(Number.NaN) })),
      await refusal(() => gallery.enrol({ id: '', feature })),
      await refusal(() => gallery.enrol({ id: 'c', feature, camera: 3 } as never)),
      await refusal(() => gallery.update('z', { camera: 'x' })),
      await refusal(() => gallery.delete(['a', 'z'])),
      await refusal(() => gallery.search(feature, { k: 0 })),
      await refusal(() => gallery.search(feature, { cameras: 'x' } as never)),
      await refusal(() => gallery.calibrate({ falseMatchRate: 0.1 })),
      await refusal(() => gallery.calibrate({ features: [feature] })),
      await refusal(() => gallery.calibrate({ cameras: ['x'] })),
      await refusal(() => gallery.calibrate({ ...narrow, falseMatchRate: 0.1 })),
      await refusal(() => gallery.calibrate({ ...people(60, 4), draws: 0 })),
      await refusal(() => reid.Gallery.open({ width: 3, path })),
    ];
    expect(gallery.size).toBe(1);
    await gallery.close();
    said.push(await refusal(() => gallery.search(feature)));
    expect(said.map((text) => text.replaceAll(folder, 'FOLDER'))).toMatchInlineSnapshot(`
      [
        "GalleryError: Expected a new id for Gallery.enrol, got "a", which is there; update it, or delete it first",
        "GalleryError: Expected a new id for Gallery.enrol, got "b", which is there; update it, or delete it first",
        "RangeError: Expected 24 numbers for Gallery.enrol feature, got 2; was it made by another network?",
        "RangeError: Expected finite numbers that are not all 0 for Gallery.enrol feature, got a length of 0",
        "RangeError: Expected finite numbers that are not all 0 for Gallery.enrol feature, got a length of NaN",
        "RangeError: Expected 1 to 1,000 bytes for Gallery.enrol id, got 0",
        "TypeError: Expected a text for Gallery.enrol camera, got 3",
        "GalleryError: Expected an entry of the gallery, got "z", which is not there",
        "GalleryError: Expected an entry of the gallery, got "z", which is not there",
        "RangeError: Expected a whole number from 1 for Gallery.search k, got 0",
        "RangeError: Expected a known option for Gallery.search, got "cameras"; did you mean camera?",
        "RangeError: Expected features and ids for Gallery.calibrate, got neither, and no entry has an identity",
        "TypeError: Expected features and ids together for Gallery.calibrate, got no ids; leave all out to calibrate on the gallery's own entries",
        "TypeError: Expected features and ids together for Gallery.calibrate, got no features; leave all out to calibrate on the gallery's own entries",
        "RangeError: Expected features of 24 numbers for Gallery.calibrate, got 8",
        "RangeError: Expected a whole number from 1 for calibrate draws, got 0",
        "GalleryError: Expected a gallery of features with 3 numbers at FOLDER/people.lmdb, got one of 24; open it with its own width, or enrol into a new file",
        "GalleryError: Gallery was closed; open it again",
      ]
    `);
  });

  it('is whole or not there, and refuses other files', async () => {
    const folder = tmp();
    await (await open(join(folder, 'a.lmdb'))).close();
    expect(readdirSync(folder).sort()).toEqual(['a.lmdb', 'a.lmdb-lock']);
    writeFileSync(join(folder, 'b.lmdb'), Buffer.alloc(20_000, 7));
    writeFileSync(join(folder, 'c.lmdb'), '');
    for (const name of ['b.lmdb', 'c.lmdb']) {
      expect(await refusal(() => open(join(folder, name)))).toContain('got another file');
    }
    const [one, other] = await Promise.all([open(join(folder, 'e.lmdb')), open(join(folder, 'e.lmdb'))]);
    await one.close();
    await other.close();
  });

  it('notices bytes that were changed', async () => {
    const folder = tmp();
    const path = join(folder, 'people.lmdb');
    const gallery = await open(path);
    await gallery.enrol({ id: 'a', feature: new Float32Array(WIDTH).fill(1.2345678) });
    await gallery.close();
    const spoilt = join(folder, 'spoilt.lmdb');
    copyFileSync(path, spoilt);
    const bytes = readFileSync(spoilt);
    const at = bytes.indexOf(Buffer.from(new Float32Array(WIDTH).fill(1.2345678).buffer));
    expect(at).toBeGreaterThan(0);
    for (
      let place = at;
      place >= 0;
      place = bytes.indexOf(Buffer.from(Float32Array.of(1.2345678).buffer), place + 4)
    ) {
      bytes[place] = (bytes[place] as number) ^ 1;
    }
    writeFileSync(spoilt, bytes);
    expect(await refusal(() => open(spoilt))).toContain('another check sum');
  });
});

/** Labelled features: identities around centres of their own. */
function people(count: number, each: number, spread = 0.6) {
  const centres = randn([count, WIDTH]);
  const ids = Array.from({ length: count * each }, (_, index) => index % count);
  const features = centres.repeat([each, 1]).add(randn([count * each, WIDTH]).mul(spread));
  return { features, ids, cameras: ids.map((_, index) => Math.floor(index / count)) };
}

describe('calibrate', () => {
  it('keeps the promised false-match rate on other identities about as often as it says', () => {
    manualSeed(9);
    const rate = 0.01;
    const fresh = rowsOf(people(400, 1).features);
    const kept = Array.from({ length: 20 }, () => {
      const { threshold } = reid.calibrateThreshold(people(60, 4), { falseMatchRate: rate, draws: 100 });
      let [matches, pairs] = [0, 0];
      for (let a = 0; a < fresh.length; a++) {
        for (let b = a + 1; b < fresh.length; b++, pairs++) {
          if (cosine(fresh[a] as Float32Array, fresh[b] as Float32Array) >= threshold) matches++;
        }
      }
      return matches / pairs <= rate;
    }).filter(Boolean).length;
    expect(kept).toBeGreaterThanOrEqual(16);
  });

  it('lets a search answer match or unknown', async () => {
    manualSeed(10);
    const known = people(30, 3, 0.3);
    const gallery = await open();
    await gallery.enrol(
      rowsOf(known.features).map((feature, index) => ({
        id: `${index}`,
        feature,
        identity: `p${known.ids[index]}`,
        camera: `${known.cameras[index]}`,
      })),
    );
    const [feature] = rowsOf(known.features) as [Float32Array];
    expect((await gallery.search(feature)).verdict).toBeNull();
    const { threshold, trueMatchRate, impostorPairs, genuinePairs } = gallery.calibrate({
      falseMatchRate: 0.005,
    });
    expect(threshold).toBeGreaterThan(0.3);
    expect(trueMatchRate).toBeGreaterThan(0.9);
    expect([impostorPairs, genuinePairs]).toEqual([3 * 30 * 29, 3 * 30]);
    expect((await gallery.search(feature)).verdict).toBe('match');
    expect((await gallery.search(feature.map((value) => -value))).verdict).toBe('unknown');
  });

  it('is deterministic, stricter for a lower rate and for more confidence', () => {
    manualSeed(11);
    const data = people(50, 4);
    const threshold = (options: reid.CalibrationOptions) => reid.calibrateThreshold(data, options).threshold;
    expect(threshold({ falseMatchRate: 0.01 })).toBe(threshold({ falseMatchRate: 0.01 }));
    expect(threshold({ falseMatchRate: 0.002 })).toBeGreaterThan(threshold({ falseMatchRate: 0.02 }));
    const confident = (confidence: number) => threshold({ falseMatchRate: 0.01, confidence });
    expect(confident(0.99)).toBeGreaterThan(confident(0.5));
  });

  it('gives two cameras whose images are more alike a threshold of their own, and answers by it', async () => {
    manualSeed(13);
    const world = { people: 60, cameras: 4, effect: 0 };
    const data = imagesOf(world, drawSpread());
    const isAlike = tensor(data.cameras as number[])
      .lt(2)
      .to('float32')
      .unsqueeze(1);
    const features = data.features.add(isAlike.mul(1.2)); // cameras 0 and 1 add the same
    const cameras = (data.cameras as number[]).map((camera) => `c${camera}`);
    const gallery = await reid.Gallery.open({ width: 32 });
    const calibration = gallery.calibrate({
      features,
      ids: data.ids,
      cameras,
      falseMatchRate: 0.01,
      cameraPairs: true,
    });
    const names = calibration.cameraPairs.map((pair) => pair.cameras.join(' '));
    expect(names).toEqual(['c0 c1', 'c0 c2', 'c0 c3', 'c1 c2', 'c1 c3', 'c2 c3']);
    const [alike, ...others] = calibration.cameraPairs as [
      reid.CameraPairThreshold,
      ...reid.CameraPairThreshold[],
    ];
    expect(alike.threshold).toBeGreaterThan(Math.max(...others.map(({ threshold }) => threshold)));
    expect([alike.impostorPairs, alike.genuinePairs, alike.identities]).toEqual([60 * 59, 60, 60]);

    const axis = (...values: number[]) => Float32Array.from({ length: 32 }, (_, at) => values[at] ?? 0);
    const between = (alike.threshold + calibration.threshold) / 2;
    await gallery.enrol({ id: 'a', feature: axis(1), camera: 'c1' });
    const query = axis(between, Math.sqrt(1 - between ** 2));
    const verdict = async (queryCamera?: string) =>
      (await gallery.search(query, queryCamera === undefined ? {} : { queryCamera })).verdict;
    const strict = alike.threshold > calibration.threshold ? ['unknown', 'match'] : ['match', 'unknown'];
    expect(await verdict('c0')).toBe(strict[0]);
    expect(await verdict()).toBe(strict[1]);
    expect(await verdict('elsewhere')).toBe(strict[1]);
    await expect(gallery.search(query, { queryCamera: 3 as never })).rejects.toThrow(
      'Expected a text for Gallery.search queryCamera, got 3',
    );
  });

  it('leaves out cameras whose pairs are too few, and wants cameras for it', () => {
    manualSeed(14);
    const data = imagesOf({ people: 30, cameras: 3, effect: 0.2 }, drawSpread());
    const { cameraPairs } = reid.calibrateThreshold(data, { falseMatchRate: 0.01, cameraPairs: true });
    expect(cameraPairs).toEqual([]); // 870 pairs each, 8.7 beyond the threshold
    const { features, ids } = data;
    expect(() => reid.calibrateThreshold({ features, ids }, { cameraPairs: true })).toThrow(
      'Expected cameras for calibrate with cameraPairs, got none',
    );
    expect(() => reid.calibrateThreshold(data, { cameraPairs: 1 as never })).toThrow('calibrate cameraPairs');
  });

  it('finds the threshold that counting all pairs gives, where each identity weighs the same', () => {
    manualSeed(15);
    const data = imagesOf({ people: 40, cameras: 3, effect: 0.2 }, drawSpread());
    const { threshold, impostorPairs } = reid.calibrateThreshold(data, {
      falseMatchRate: 0.02,
      confidence: 0.5,
    });
    expect(impostorPairs).toBe(40 * 39 * 3);
    const rate = falseMatchRate(data, threshold);
    expect(rate).toBeGreaterThan(0.012);
    expect(rate).toBeLessThan(0.028);
  });

  it('sees queries that are unlike those it was made of', async () => {
    manualSeed(12);
    const gallery = await open();
    const shifted = (count: number, shift: number) => rowsOf(people(count, 1).features.add(shift));
    await gallery.enrol(shifted(20, 0.5).map((feature, index) => ({ id: `${index}`, feature })));
    const data = people(60, 4);
    gallery.calibrate({ features: data.features.add(0.5), ids: data.ids, falseMatchRate: 0.01 });
    const drift = async (shift: number) => {
      let last: reid.Drift | null = null;
      for (const query of shifted(120, shift)) ({ drift: last } = await gallery.search(query));
      return last as reid.Drift | null;
    };
    expect(await drift(0.5)).toMatchObject({ drifted: false, searches: 120 });
    expect(await drift(-0.2)).toMatchObject({ drifted: true });
  });
});
