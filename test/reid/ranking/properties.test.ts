import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { manualSeed, randint, randn, tensor } from '../../../lib/tensor/index.ts';
import { message } from '../../helpers/errors.ts';

const whole = (low: number, high: number, count: number) =>
  (randint(low, high, [count]).toArray() as number[]).map(Number);

/** A ranking with many equal distances, infinite ones among them. */
function drawn(seed: number, { queries = 7, images = 60, identities = 5, levels = 9 } = {}) {
  manualSeed(seed);
  const values = whole(0, levels, queries * images).map((level) => (level === 8 ? Infinity : level / 3 - 1));
  return {
    distances: tensor(values).view(queries, images),
    queryIds: whole(0, identities, queries),
    galleryIds: whole(0, identities, images),
    queryCameras: whole(0, 3, queries),
    galleryCameras: whole(0, 3, images),
  };
}
type Drawn = ReturnType<typeof drawn>;

/** The definition: sort, leave out junk, look at each place. */
function bySorting({ distances, queryIds, galleryIds, queryCameras, galleryCameras }: Drawn) {
  const rows = distances.toArray() as number[][];
  return rows.flatMap((row, query) => {
    const order = row.map((_, image) => image).sort((a, b) => compare(row[a], row[b]) || a - b);
    const kept = order.filter(
      (image) => galleryIds[image] !== queryIds[query] || galleryCameras[image] !== queryCameras[query],
    );
    const ranks = kept.flatMap((image, rank) => (galleryIds[image] === queryIds[query] ? [rank] : []));
    return ranks.length === 0 ? [] : [{ query, ranks }];
  });
}

const compare = (a = 0, b = 0) => (a < b ? -1 : a > b ? 1 : 0);

describe('a ranking', () => {
  it('has every match where sorting puts it, equal and infinite distances included', () => {
    for (let seed = 0; seed < 40; seed++) {
      const ranking = drawn(seed, {
        levels: 2 + (seed % 8),
        images: 1 + seed * 3,
        identities: 1 + (seed % 6),
      });
      const found = reid.rankQueries(ranking).map(({ query, ranks }) => ({ query, ranks: [...ranks] }));
      expect(found).toEqual(bySorting(ranking));
    }
  });

  it('does not depend on the order of queries, nor on what identities are called', () => {
    const ranking = drawn(1);
    const plain = reid.evaluateRanking(ranking);
    const last = (values: number[]) => [...values].reverse();
    const turned = reid.evaluateRanking({
      ...ranking,
      distances: ranking.distances.flip([0]),
      queryIds: last(ranking.queryIds),
      queryCameras: last(ranking.queryCameras),
    });
    const named = reid.evaluateRanking({
      ...ranking,
      queryIds: ranking.queryIds.map((id) => `person ${id}`),
      galleryIds: ranking.galleryIds.map((id) => `person ${id}`),
      galleryCameras: BigInt64Array.from(ranking.galleryCameras, BigInt),
      queryCameras: tensor(ranking.queryCameras, { dtype: 'int64' }),
    });
    expect(named).toEqual(plain);
    expect(turned.mAP).toBeCloseTo(plain.mAP, 12);
    expect(turned.cmc).toEqual(plain.cmc);
  });

  it('is perfect where each match is nearest, and its curve never falls', () => {
    manualSeed(2);
    const features = randn([30, 8]);
    const ids = Array.from({ length: 30 }, (_, index) => index);
    const perfect = reid.evaluateRanking({
      queryFeatures: features,
      galleryFeatures: features.mul(3),
      metric: 'cosine',
      queryIds: ids,
      galleryIds: ids,
      queryCameras: ids.map(() => 0),
      galleryCameras: ids.map(() => 1),
    });
    expect(perfect).toMatchObject({ mAP: 1, mINP: 1, valid: 30 });
    expect(perfect.cmc).toEqual(new Array(30).fill(1));
    const { cmc } = reid.evaluateRanking(drawn(3));
    expect(cmc.every((share, rank) => rank === 0 || share >= (cmc[rank - 1] as number))).toBe(true);
  });

  it('takes rows of numbers for features, and gives as many places as asked for', () => {
    const rows = [Float32Array.of(1, 0), [0, 1], [1, 1]];
    const { cmc } = reid.evaluateRanking({
      queryFeatures: rows.slice(0, 1),
      galleryFeatures: rows,
      queryIds: [1],
      galleryIds: [2, 2, 1],
      queryCameras: ['a'],
      galleryCameras: ['a', 'b', 'c'],
      maxRank: 2,
    });
    expect(cmc).toEqual([0, 1]);
  });
});

describe('single-gallery-shot', () => {
  /** All ways to choose one image of each identity that is not the query's, and one match. */
  function byTrying(ranking: Drawn, maxRank: number): number[] {
    const curve = new Array<number>(maxRank).fill(0);
    const results = bySorting(ranking);
    for (const { query } of results) {
      const row = (ranking.distances.toArray() as number[][])[query] as number[];
      const groups = new Map<number, number[]>();
      ranking.galleryIds.forEach((id, image) => {
        if (id === ranking.queryIds[query] && ranking.galleryCameras[image] === ranking.queryCameras[query])
          return;
        groups.set(id, [...(groups.get(id) ?? []), image]);
      });
      let ways: number[][] = [[]];
      for (const images of groups.values())
        ways = ways.flatMap((way) => images.map((image) => [...way, image]));
      for (const way of ways) {
        const order = way.sort((a, b) => compare(row[a], row[b]) || a - b);
        const rank = order.findIndex((image) => ranking.galleryIds[image] === ranking.queryIds[query]);
        for (let place = rank; place < maxRank; place++) {
          curve[place] = (curve[place] as number) + 1 / ways.length / results.length;
        }
      }
    }
    return curve;
  }

  it('is the mean over all ways to choose the images', () => {
    for (let seed = 0; seed < 8; seed++) {
      const ranking = drawn(seed, { images: 13, identities: 4, queries: 5 });
      const { cmc } = reid.evaluateRanking({ ...ranking, singleGalleryShot: true, maxRank: 6 });
      byTrying(ranking, 6).forEach((share, rank) => {
        expect(cmc[rank]).toBeCloseTo(share, 12);
      });
    }
  });

  it('changes nothing where each identity has one image', () => {
    const ranking = {
      ...drawn(9, { images: 20, queries: 20 }),
      queryIds: Array.from({ length: 20 }, (_, index) => index),
      galleryIds: Array.from({ length: 20 }, (_, index) => 19 - index),
      queryCameras: new Array(20).fill(0),
      galleryCameras: new Array(20).fill(1),
    };
    const { cmc } = reid.evaluateRanking(ranking);
    reid.evaluateRanking({ ...ranking, singleGalleryShot: true }).cmc.forEach((share, rank) => {
      expect(share).toBeCloseTo(cmc[rank] as number, 12);
    });
  });
});

describe('evaluateVehicleId', () => {
  it('is perfect for features that show the identity, and the same for the same seed', () => {
    const ids = [1, 1, 2, 2, 2, 3];
    const features = tensor([0, 0, 1, 1, 1, 2].map((value) => [value, 1]));
    expect(reid.evaluateVehicleId({ features, ids })).toEqual({ cmc: [1, 1, 1], mAP: 1, mINP: 1, valid: 3 });
    manualSeed(7);
    const noise = { features: randn([40, 4]), ids: Array.from({ length: 40 }, (_, index) => index % 8) };
    const result = reid.evaluateVehicleId(noise);
    expect(reid.evaluateVehicleId(noise)).toEqual(result);
    expect(reid.evaluateVehicleId({ ...noise, seed: 1 })).not.toEqual(result);
    expect(result.cmc[7]).toBe(1);
    expect(message(() => reid.evaluateVehicleId({ features, ids: [1, 2, 3, 4, 5, 6] }))).toContain(
      'one of each',
    );
  });
});

describe('roc', () => {
  it('counts pairs as sorting all of them does', () => {
    const ranking = drawn(4);
    const pairs = (ranking.distances.toArray() as number[][]).flatMap((row, query) =>
      row.flatMap((distance, image) => {
        const isSame = ranking.galleryIds[image] === ranking.queryIds[query];
        if (isSame && ranking.galleryCameras[image] === ranking.queryCameras[query]) return [];
        return [{ distance, isSame }];
      }),
    );
    const [genuine, impostors] = [pairs.filter((pair) => pair.isSame), pairs.filter((pair) => !pair.isSame)];
    const { points, auc } = reid.roc({ ...ranking, rates: [0.05, 0.3, 1] });
    for (const { rate, tpr, fpr, threshold } of points) {
      const limit = threshold ?? -Infinity;
      expect(fpr).toBe(impostors.filter((pair) => pair.distance <= limit).length / impostors.length);
      expect(tpr).toBe(genuine.filter((pair) => pair.distance <= limit).length / genuine.length);
      expect(fpr).toBeLessThanOrEqual(rate);
    }
    const wins = genuine.flatMap(({ distance }) =>
      impostors.map((other) => (distance < other.distance ? 1 : distance === other.distance ? 0.5 : 0)),
    );
    expect(auc).toBeCloseTo(wins.reduce<number>((sum, win) => sum + win, 0) / wins.length, 12);
  });
});

describe('rerank', () => {
  it('keeps the original distances with lambda 1, and finds a pair that is each other’s nearest', () => {
    manualSeed(5);
    const gallery = randn([40, 16]);
    const query = gallery.narrow(0, 0, 4).add(randn([4, 16]).mul(0.05));
    const kept = reid.rerank(query, gallery, { lambda: 1, form: 'fast-reid' });
    const nearest = reid.rerank(query, gallery, { lambda: 0 }).argmin(1).toArray() as number[];
    expect(nearest).toEqual([0, 1, 2, 3]);
    expect(kept.argmin(1).toArray()).toEqual([0, 1, 2, 3]);
    expect(Math.max(...(kept.data() as Float32Array))).toBeLessThanOrEqual(2);
  });

  it('is what evaluateRanking evaluates with rerank', () => {
    manualSeed(6);
    const [queryFeatures, galleryFeatures] = [randn([6, 8]), randn([50, 8])];
    const { distances, ...labels } = drawn(6, { queries: 6, images: 50 });
    for (const form of ['strong-baseline', 'fast-reid'] as const) {
      const whole = reid.evaluateRanking({
        distances: reid.rerank(queryFeatures, galleryFeatures, { form }),
        ...labels,
      });
      expect(reid.evaluateRanking({ queryFeatures, galleryFeatures, ...labels, rerank: { form } })).toEqual(
        whole,
      );
    }
  });

  it('takes features that are all the same', () => {
    const same = tensor([[1, 2]]).expand(5, 2);
    const distances = reid.rerank(same.narrow(0, 0, 1), same.narrow(0, 1, 4));
    expect((distances.data() as Float32Array).every(Number.isFinite)).toBe(true);
  });
});

describe('what ranking refuses', () => {
  const inputs = {
    queryFeatures: tensor([[1, 0]]),
    galleryFeatures: tensor([[1, 0]]),
    queryIds: [1],
    galleryIds: [1],
    queryCameras: [0],
    galleryCameras: [1],
  };
  const tried = (change: object) => message(() => reid.evaluateRanking({ ...inputs, ...change }));

  it('is named, with what to do', () => {
    expect([
      tried({ galleryCameras: [0] }),
      tried({ galleryIds: [1, 2] }),
      tried({ queryIds: [1.5] }),
      tried({ queryIds: 'one' }),
      tried({ galleryFeatures: tensor([[1, 0, 2]]) }),
      tried({ galleryFeatures: tensor([[1, Number.NaN]]) }),
      tried({ galleryFeatures: [[1, 2], [1]] }),
      tried({ galleryFeatures: undefined }),
      tried({ distances: tensor([[1]]) }),
      tried({ metric: 'cosin' }),
      tried({ maxRank: 0 }),
      tried({ maxrank: 5 }),
      tried({ rerank: { k1: 0 } }),
      message(() => reid.rerank([[1, 2]], [[1, 2]], { lambda: 2 })),
      message(() => reid.aqe([[1, 0]], [[-1, 0.1]], { alpha: 1.5 })),
      message(() => reid.roc({ ...inputs, rates: [2] })),
      message(() => reid.roc(inputs)),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a query whose identity is in the gallery on another camera, got none among 1; check ids and cameras",
        "RangeError: Expected 1 labels for evaluateRanking galleryIds, one for each image, got 2",
        "TypeError: Expected whole numbers or texts for evaluateRanking queryIds, got 1.5 at 0",
        "TypeError: Expected an array of numbers or texts, or an integer tensor, for evaluateRanking queryIds, got "one"",
        "RangeError: Expected features of the same width for evaluateRanking, got 2 for the queries and 3 for the gallery; were they made by one network?",
        "RangeError: Expected finite numbers for evaluateRanking galleryFeatures, got NaN or infinity in row 0; the network or its input is at fault",
        "RangeError: Expected rows of 2 numbers for evaluateRanking galleryFeatures, got 1 in row 1",
        "TypeError: Expected queryFeatures and galleryFeatures, or distances, for evaluateRanking, got neither",
        "RangeError: Expected distances alone for evaluateRanking, got queryFeatures too; leave one out",
        "RangeError: Expected "euclidean" or "cosine" for evaluateRanking metric, got "cosin"",
        "RangeError: Expected a whole number from 1 for evaluateRanking maxRank, got 0",
        "RangeError: Expected a known option for evaluateRanking, got "maxrank"; did you mean maxRank?",
        "RangeError: Expected a whole number from 1 for evaluateRanking rerank k1, got 0",
        "RangeError: Expected a number from 0 to 1 for rerank lambda, got 2",
        "RangeError: Expected a whole number for aqe alpha, since a cosine among the nearest is negative, got 1.5; take fewer neighbours or a whole alpha",
        "RangeError: Expected an array of numbers from 0 to 1 for roc rates, got [2]",
        "RangeError: Expected genuine and impostor pairs for roc, got 1 and 0; check ids and cameras",
      ]
    `);
  });
});
