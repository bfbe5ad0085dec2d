// How long do ranking figures take at the size of Market-1501 (3,368 queries, 15,913 images, 2,048 numbers each), and how much
// memory? Against the published programs, run as they are: reid-strong-baseline's numpy, fast-reid's Cython, strong-baseline's
// re-ranking. One run each; `compiled` leaves out what takes minutes, numpy and re-ranking. `msmt17` is ours alone at its size.
//   STRONG_BASELINE=<checkout> FAST_REID=<checkout, rank_cylib built> PYTHON=... node bench/reid-ranking.mjs [compiled|msmt17]
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

const only = process.argv[2];
const fast = [peer('fast-reid, Cython', 'cython'), ours('ibn-net', 'evaluate')];
const slow = [peer('reid-strong-baseline, re-ranking', 'rerank'), ours('ibn-net, re-ranking', 'rerank')];
const parts = {
  compiled: [[fast, 3]],
  msmt17: [[[{ ...ours('ibn-net', 'evaluate'), args: [...ours('', 'evaluate').args, 'msmt17'] }], 1]],
};
const rows = (
  parts[only] ?? [
    [[peer('reid-strong-baseline, numpy', 'numpy'), ...fast], 1],
    [slow, 1],
  ]
).flatMap(([programs, runs]) => compare(programs, runs));
const size = only === 'msmt17' ? { queries: 11659, gallery: 82161 } : { queries: 3368, gallery: 15913 };
report(
  only === undefined ? 'reid-ranking' : `reid-ranking-${only}`,
  `Ranking figures at the size of ${only === 'msmt17' ? 'MSMT17' : 'Market-1501'}: ms from features, ms from distances, peak resident MB`,
  rows,
  {
    ...size,
    width: 2048,
    note: 'total: from features to CMC and mAP; figures: the part after the distances. Features are drawn by torch under one seed on both sides.',
  },
);
