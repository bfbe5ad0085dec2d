// Ranks features of the size of a data set; prints ms, figures and the peak of resident MB.
//   node bench/peers/reid-ranking.mjs evaluate|rerank [market1501|msmt17]
import { manualSeed, nn, randn, reid, tensor } from '../../dist/index.js';

const [how, size = 'market1501'] = process.argv.slice(2);
const [QUERIES, IMAGES] = { market1501: [3368, 15913], msmt17: [11659, 82161] }[size];
const WIDTH = 2048;
const range = (length, value) => Array.from({ length }, (_, index) => value(index));
const labels = {
  queryIds: range(QUERIES, (index) => 1 + (index % 750)),
  galleryIds: range(IMAGES, (index) => (index < 2798 ? 0 : 1 + (index % 750))),
  queryCameras: range(QUERIES, (index) => (index * 5) % 6),
  galleryCameras: range(IMAGES, (index) => (index * 7 + Math.floor(index / 750)) % 6),
};

manualSeed(0);
const centres = randn([751, WIDTH]);
const drawn = (ids) =>
  nn.functional.normalize(
    centres.indexSelect(0, tensor(ids, { dtype: 'int64' })).add(randn([ids.length, WIDTH]).mul(4)),
    { dim: 1 },
  );
const queryFeatures = drawn(labels.queryIds);
const galleryFeatures = drawn(labels.galleryIds);

const timed = (work) => {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
};
const peak = () => process.resourceUsage().maxRSS / 1024;
const print = (result) => console.log(JSON.stringify(result));

if (how === 'evaluate' && size === 'msmt17') {
  const [total, { mAP, cmc }] = timed(() =>
    reid.evaluateRanking({ queryFeatures, galleryFeatures, ...labels }),
  );
  print({ total, mb: peak(), mAP, rank1: cmc[0] });
} else if (how === 'evaluate') {
  const [total, result] = timed(() => reid.evaluateRanking({ queryFeatures, galleryFeatures, ...labels }));
  const mb = peak();
  const norms = (features) => features.pow(2).sum(1, true);
  const distances = norms(queryFeatures)
    .add(norms(galleryFeatures).t())
    .addmm_(queryFeatures, galleryFeatures.t(), { alpha: -2 });
  const [figures] = timed(() => reid.evaluateRanking({ distances, ...labels }));
  print({ total, figures, mb, mAP: result.mAP, rank1: result.cmc[0] });
} else {
  const [total, distances] = timed(() => reid.rerank(queryFeatures, galleryFeatures));
  const mb = peak();
  const { mAP, cmc } = reid.evaluateRanking({ distances, ...labels });
  print({ total, mb, mAP, rank1: cmc[0] });
}
