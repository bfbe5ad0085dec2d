// What instance normalisation gains over the plain network, as one SVG: a panel for each fold.
import { plotSvg } from 'ibn-net';

// Okabe and Ito's colours, which people tell apart who see fewer.
const COLOURS = ['#0072B2', '#D55E00'];
const NAMES = { ibn_a: 'IBN-a', ibn_b: 'IBN-b' };

/** A point of each network for every test: the mean difference to plain, and a deviation to either side where there is one. */
function pointsOf(rows) {
  return rows
    .filter(({ test }) => test !== 'training set')
    .flatMap(({ test, ...row }) =>
      Object.entries(NAMES).flatMap(([variant, name]) => {
        const gain = row[variant]?.overPlain;
        if (gain === undefined) return [];
        const sd = gain.sd ?? 0;
        return [{ test, name, gain: gain.mean, low: gain.mean - sd, high: gain.mean + sd }];
      }),
    );
}

function panel(title, rows) {
  const y = { field: 'test', type: 'nominal', sort: null, title: null, axis: { labelLimit: 240 } };
  const yOffset = { field: 'name', type: 'nominal' };
  const color = { field: 'name', type: 'nominal', title: null, scale: { range: COLOURS } };
  const x = { type: 'quantitative', title: 'top-1 over the plain network, points' };
  return {
    title: { text: title, anchor: 'start', fontSize: 13 },
    width: 300,
    height: { step: 11 },
    data: { values: pointsOf(rows) },
    layer: [
      { mark: { type: 'rule', color: '#999' }, encoding: { x: { datum: 0 } } },
      { mark: 'rule', encoding: { y, yOffset, color, x: { ...x, field: 'low' }, x2: { field: 'high' } } },
      { mark: { type: 'point', filled: true }, encoding: { y, yOffset, color, x: { ...x, field: 'gain' } } },
    ],
  };
}

/** `sections` are pairs of a title and the rows of one fold. */
export async function drawGains(sections) {
  const panels = sections
    .map(([title, rows]) => panel(title, rows))
    .filter(({ data }) => data.values.length > 0);
  if (panels.length === 0) return undefined;
  return await plotSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    columns: 2,
    concat: panels,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    config: { font: 'sans-serif', view: { stroke: '#ddd' } },
  });
}
