import { channelsOf } from './draw.mjs';

export const sums = ({ random, torch: { ops } }) => {
  const table = {
    add: (x, y) => x.add(y),
    sub: (x, y) => x.sub(y),
    mul: (x, y) => x.mul(y),
    'add, relu': (x, y) => x.add(y).relu(),
    add_: (x, y) => x.add_(y),
    maximum: (x, y) => ops.aten.maximum(x, y),
    minimum: (x, y) => ops.aten.minimum(x, y),
    div: (x, y) => x.div(y.abs().add(0.5)),
    'add with alpha': (x, y) => x.add(y, { alpha: 0.5 }),
  };
  const name = random.pick(['add', 'add', 'add', 'add, relu', ...Object.keys(table)]);
  return [table[name], name];
};

export const gates = () => [
  (x, y) =>
    x.shape[2] * x.shape[3] >= y.shape[2] * y.shape[3]
      ? x.mul(y.mean([2, 3], { keepdim: true }).sigmoid())
      : y.mul(x.mean([2, 3], { keepdim: true })),
  'gate',
];

/** A map times what one channel of another says of its pixels, and other sizes that broadcast. */
export const attention = ({ random }) => {
  const table = {
    'times a channel': (x, y) => x.mul(y.narrow(1, 0, 1).sigmoid()),
    'minus means of channels': (x, y) => x.sub(y.mean([1], { keepdim: true })),
    'plus means of pixels': (x) => x.add(x.mean([2, 3], { keepdim: true })),
    'divided by means': (x) => x.div(x.abs().mean([2, 3], { keepdim: true }).add(0.5)),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], name];
};

export const cats = ({ torch: { ops } }) => [(x, y) => ops.aten.cat([x, y], 1), 'cat'];

/** conv(q) + q, whose addend is what the convolution reads. */
export function residual(context) {
  const { torch, random, pool, layers } = context;
  const from = pool.map();
  if (from === undefined) return undefined;
  const channels = channelsOf(pool, from);
  const size = random.pick([1, 3, 3, 5]);
  const conv = new torch.nn.Conv2d(channels, channels, size, { padding: size >> 1 }).eval();
  layers.push(conv);
  const isFirst = random.chance(0.5);
  return {
    from: [from],
    run: (x) => (isFirst ? conv.forward(x).add(x) : x.add(conv.forward(x))),
    text: `residual ${size}`,
  };
}
