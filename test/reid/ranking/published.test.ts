import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { tensor } from '../../../lib/tensor/index.ts';
import { root } from '../../helpers/files.ts';

// What the published programs give: scripts/fixtures/reid_ranking.py.
interface Figures {
  cmc: number[];
  mAP: number;
  mINP: number;
  valid: number;
}
interface RankingCase {
  name: string;
  metric: reid.Metric;
  queryFeatures: number[][];
  galleryFeatures: number[][];
  queryIds: number[];
  galleryIds: number[];
  queryCameras: number[];
  galleryCameras: number[];
  strongBaseline: Figures;
  fastReid: Figures;
  torchreid: Figures;
  roc: Record<string, number>;
}
interface RerankCase {
  name: string;
  k1: number;
  k2: number;
  lambda: number;
  queryFeatures: number[][];
  galleryFeatures: number[][];
  strongBaseline: number[][];
  'fastReid-euclidean'?: number[][];
  'fastReid-cosine'?: number[][];
  distances: number[][];
}
interface Expansion {
  queryFeatures: number[][];
  galleryFeatures: number[][];
  expected: { times: number; k: number; alpha: number; query: number[][]; gallery: number[][] }[];
}
const fixture = JSON.parse(readFileSync(join(root, 'test/fixtures/reid/ranking.json'), 'utf8')) as {
  ranking: RankingCase[];
  rerank: RerankCase[];
  expansion: Expansion;
};

const inputsOf = ({ strongBaseline, fastReid, torchreid, roc, name, ...inputs }: RankingCase) => inputs;

function expectNear(actual: readonly number[], expected: readonly number[], tolerance = 1e-6): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...actual.map((value, at) => Math.abs(value - (expected[at] as number))));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

describe('evaluateRanking', () => {
  it.each(fixture.ranking)('gives the figures of the three published programs for $name', (item) => {
    const result = reid.evaluateRanking(inputsOf(item));
    for (const { cmc, mAP } of [item.strongBaseline, item.fastReid, item.torchreid]) {
      expectNear(result.cmc, cmc);
      expectNear([result.mAP], [mAP]);
    }
    expectNear([result.mINP], [item.fastReid.mINP]);
    expect(result.valid).toBe(item.fastReid.valid);
  });
});

describe('roc', () => {
  it.each(fixture.ranking)("has fast-reid's TPR@FPR for $name", (item) => {
    if (item.name === 'one gallery image') return; // no impostor pair, or a single one: scikit-learn gives NaN
    const rates = Object.keys(item.roc).map(Number);
    const { points } = reid.roc({ ...inputsOf(item), rates });
    expectNear(
      points.map((point) => point.fastReid),
      Object.values(item.roc),
    );
  });
});

const tensors = ({ queryFeatures, galleryFeatures }: Pick<RerankCase, 'queryFeatures' | 'galleryFeatures'>) =>
  [tensor(queryFeatures), tensor(galleryFeatures)] as const;

describe('rerank', () => {
  it.each(fixture.rerank)('gives the distances of reid-strong-baseline: $name', (item) => {
    const { k1, k2, lambda } = item;
    const distances = reid.rerank(...tensors(item), { k1, k2, lambda, form: 'strong-baseline' });
    expectNear([...(distances.data() as Float32Array)], item.strongBaseline.flat());
  });

  it.each(fixture.rerank.filter((item) => item['fastReid-cosine']))(
    "gives the distances of fast-reid's evaluator: $name",
    (item) => {
      const { k1, k2, lambda } = item;
      for (const metric of ['euclidean', 'cosine'] as const) {
        const distances = reid.rerank(...tensors(item), { k1, k2, lambda, form: 'fast-reid', metric });
        expectNear(
          [...(distances.data() as Float32Array)],
          (item[`fastReid-${metric}`] as number[][]).flat(),
        );
      }
    },
  );

  it.each(fixture.rerank)('gives the distances of deep-person-reid and of rerank.py: $name', (item) => {
    const { k1, k2, lambda } = item;
    const [query, gallery] = tensors(item);
    const squared = (a: typeof query, b: typeof query) =>
      a.pow(2).sum(1, true).add(b.pow(2).sum(1, true).t()).addmm_(a, b.t(), { beta: 1, alpha: -2 });
    const distances = reid.rerankDistances(
      squared(query, gallery),
      squared(query, query),
      squared(gallery, gallery),
      { k1, k2, lambda },
    );
    expectNear([...(distances.data() as Float32Array)], item.distances.flat());
  });
});

describe('aqe', () => {
  it.each(fixture.expansion.expected)(
    "gives fast-reid's features, $times times, alpha $alpha",
    (expected) => {
      const { times, k, alpha } = expected;
      const expanded = reid.aqe(...tensors(fixture.expansion), { times, k, alpha });
      expectNear([...(expanded[0].contiguous().data() as Float32Array)], expected.query.flat());
      expectNear([...(expanded[1].contiguous().data() as Float32Array)], expected.gallery.flat());
    },
  );
});
