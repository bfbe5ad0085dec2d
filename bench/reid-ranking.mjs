// How long do ranking figures take at the size of Market-1501 (3,368 queries, 15,913 images, 2,048 numbers each), and how much
// memory? Against the published programs, run as they are: reid-strong-baseline's numpy, fast-reid's Cython, strong-baseline's
// re-ranking. One run each.
//   STRONG_BASELINE=<checkout> FAST_REID=<checkout, rank_cylib built> PYTHON=... node bench/reid-ranking.mjs
import { join } from 'node:path';
import { compare, python, report, root } from './harness.mjs';

const peer = (name, how) => ({
  name,
  command: python,
  args: [join(root, 'bench/peers/reid_ranking.py'), how],
});
const ours = (name, how) => ({
  name,
  command: process.execPath,
  args: [join(root, 'bench/peers/reid-ranking.mjs'), how],
});

const evaluation = compare(
  [
    peer('reid-strong-baseline, numpy', 'numpy'),
    peer('fast-reid, Cython', 'cython'),
    ours('ibn-net', 'evaluate'),
  ],
  1,
);
const reranking = compare(
  [peer('reid-strong-baseline, re-ranking', 'rerank'), ours('ibn-net, re-ranking', 'rerank')],
  1,
);
report(
  'reid-ranking',
  'Ranking figures at the size of Market-1501: ms from features, ms from distances, peak resident MB',
  [...evaluation, ...reranking],
  {
    queries: 3368,
    gallery: 15913,
    width: 2048,
    note: 'total: from features to CMC and mAP; figures: the part after the distances. Features are drawn by torch under one seed on both sides.',
  },
);
