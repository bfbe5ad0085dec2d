// How much of a change of appearance instance normalisation can undo: the share of a changed picture's variance that a gain
// above 0 and an offset of each picture's channels explain, given the picture before the change. 1: all of it; 0: nothing.
//
//   node examples/emoji-styles/explain.mjs
import { parseArgs } from 'node:util';
import { datasets } from 'ibn-net';
import { loadEmoji } from './emoji-data.mjs';
import { SHIFTS } from './fashion-data.mjs';
import { FORMS, HANDS, SHADING } from './plan.mjs';

/** Mean over pictures of the explained share; `before` and `after` are float32 (N, 3, H, W). A flat picture is left out. */
function explained(before, after) {
  const [x, y] = [before, after].map((images) => {
    const rows = images.flatten(2); // (N, 3, H W)
    return rows.sub(rows.mean([2], { keepdim: true }));
  });
  const both = x.mul(y).sum(2);
  const gain = both.div(x.square().sum(2).clampMin(1e-6)).clampMin(0); // a gain below 0 turns edges round
  const rest = y
    .sub(x.mul(gain.unsqueeze(2)))
    .square()
    .sum([1, 2]);
  const all = y.square().sum([1, 2]);
  const shares = rest.div(all.clampMin(1e-6)).neg().add(1).toArray();
  const isFlat = all.lt(1e-3).toArray();
  const kept = shares.filter((_, i) => !isFlat[i]);
  return kept.reduce((sum, share) => sum + share, 0) / kept.length;
}

/** float32 pictures of two styles, of the emoji that both have. */
function pairOf(emoji, from, to) {
  const styles = [from, to].map((style) => {
    const indices = emoji.indices({ styles: [style] });
    return new Map(indices.map((index) => [emoji.samples[index].emoji.codes, index]));
  });
  const both = [...styles[0].keys()].filter((codes) => styles[1].has(codes));
  return styles.map((style) => emoji.images(both.map((codes) => style.get(codes))).to('float32'));
}

function showStyles(emoji) {
  const names = [...new Set([...HANDS, ...SHADING, 'emojione', 'fxemoji'])];
  const rows = names.map((from) => [
    from,
    Object.fromEntries(
      names.map((to) => [to, from === to ? '' : explained(...pairOf(emoji, from, to)).toFixed(2)]),
    ),
  ]);
  console.log('From the style of the row to that of the column, the same emoji:');
  console.table(Object.fromEntries(rows));
}

function showShifts(data) {
  const test = new datasets.FashionMNIST(data, { train: false });
  const count = Math.min(2000, test.length);
  const images = test.data.narrow(0, 0, count).unsqueeze(1).expand([count, 3, 28, 28]).to('float32');
  const rows = Object.entries(SHIFTS).map(([name, shift]) => [
    name,
    explained(images, shift(images).clamp(0, 255).round()).toFixed(2),
  ]);
  console.log('Shifts of Fashion-MNIST:');
  console.table(Object.fromEntries(rows.map(([name, share]) => [name, { explained: share }])));
}

const { values } = parseArgs({
  options: { packages: { type: 'string' }, cache: { type: 'string' }, data: { type: 'string' } },
});
showStyles(await loadEmoji({ ...FORMS.full, ...values }));
showShifts(values.data);
