import { CHANNELS, channelsOf, divisors } from './draw.mjs';

/** A layer, now and then one that another step has already: shared weights. */
function layer({ layers, random, pool }, from, make, text) {
  const channels = channelsOf(pool, from);
  const fits = layers.filter(({ numFeatures = channels }) => numFeatures === channels);
  const shared = fits.length > 0 && random.chance(0.15) ? random.pick(fits) : undefined;
  const module = shared ?? make();
  if (shared === undefined) layers.push(module.eval());
  return { from: [from], run: (x) => module.forward(x), text: shared ? 'shared layer' : text };
}

function conv2d(torch, random, channels) {
  const side = () => random.pick([1, 1, 2, 3, 3, 3, 5, 7]);
  const square = side();
  const kernel = random.chance(0.8) ? [square, square] : [side(), side()];
  const isDepthwise = random.chance(0.1);
  const out = isDepthwise ? channels * random.pick([1, 2]) : random.pick(CHANNELS);
  const groups = isDepthwise ? channels : random.chance(0.3) ? random.pick(divisors(channels, out)) : 1;
  const both = (sizes) =>
    random.chance(0.8) ? random.pick(sizes) : [random.pick(sizes), random.pick(sizes)];
  const options = {
    stride: both([1, 1, 1, 2, 3]),
    padding: random.chance(0.6) ? kernel.map((size) => size >> 1) : both([0, 1, 2, 3]),
    dilation: random.chance(0.85) ? 1 : both([1, 2, 3]),
    groups,
    bias: random.chance(0.6),
  };
  const text = `conv ${channels}->${out} k${kernel} ${JSON.stringify(options)}`;
  return [new torch.nn.Conv2d(channels, out, kernel, options), text];
}

function norm2d(torch, random, channels) {
  const { nn, models } = torch;
  const kind = random.pick(['BN', 'BN', 'IN', 'IBN', 'plain']);
  if (kind === 'IBN' && channels > 1) return [new models.IBN(channels), 'IBN'];
  if (kind === 'IN') {
    const options = { affine: random.chance(0.7), trackRunningStats: random.chance(0.15) };
    return [new nn.InstanceNorm2d(channels, options), `IN ${JSON.stringify(options)}`];
  }
  return [new nn.BatchNorm2d(channels, { affine: kind !== 'plain' }), `BN ${kind}`];
}

function block(torch, random, channels) {
  const { nn } = torch;
  const out = random.pick(CHANNELS);
  const parts = [new nn.Conv2d(channels, out, 3, { padding: 1, bias: false }), norm2d(torch, random, out)[0]];
  if (random.chance(0.7)) parts.push(new nn.ReLU({ inplace: random.chance(0.5) }));
  if (random.chance(0.2)) parts.push(new nn.Dropout(0.5));
  if (random.chance(0.4)) parts.push(new nn.Sequential(new nn.Conv2d(out, channels, 1), new nn.ReLU()));
  return [new nn.Sequential(...parts), `block ${channels}->${out}`];
}

const onMap = (make) => (context) => {
  const from = context.pool.map();
  if (from === undefined) return undefined;
  const [module, text] = make(context.torch, context.random, channelsOf(context.pool, from));
  return layer(context, from, () => module, text);
};

function pool2d({ nn }, random) {
  const [kernel, stride] = [random.pick([1, 2, 3, 3, [2, 3]]), random.pick([1, 2, 2, 3])];
  const padding = random.pick([0, 0, 0, 1]);
  const ceilMode = random.chance(0.15);
  const text = `k${kernel} s${stride} p${padding}${ceilMode ? ' ceil' : ''}`;
  if (random.chance(0.5))
    return [new nn.MaxPool2d(kernel, { stride, padding, ceilMode }), `max pool ${text}`];
  const options = { stride, padding, ceilMode, countIncludePad: random.chance(0.5) };
  return [new nn.AvgPool2d(kernel, options), `avg pool ${text} ${options.countIncludePad}`];
}

function adaptivePool2d({ nn }, random) {
  const size = random.pick([1, 1, 1, 2, 3, [1, 2]]);
  const kind = random.pick(['AdaptiveAvgPool2d', 'AdaptiveMaxPool2d']);
  return [new nn[kind](size), `${kind} ${size}`];
}

const onVector = (make) => (context) => {
  const from = context.pool.vector();
  if (from === undefined) return undefined;
  const [module, text] = make(context.torch, context.random, channelsOf(context.pool, from));
  return layer(context, from, () => module, text);
};

function linear({ nn }, random, channels) {
  const out = random.pick(CHANNELS);
  return [new nn.Linear(channels, out, { bias: random.chance(0.7) }), `linear ${channels}->${out}`];
}

/** Layers with weights, or windows. */
export const LAYERS = [
  ['conv', onMap(conv2d)],
  ['conv', onMap(conv2d)],
  ['conv', onMap(conv2d)],
  ['norm', onMap(norm2d)],
  ['norm', onMap(norm2d)],
  ['block', onMap(block)],
  ['pool', onMap(pool2d)],
  ['adaptive pool', onMap(adaptivePool2d)],
  ['linear', onVector(linear)],
  ['linear', onVector(linear)],
  [
    'norm of vectors',
    onVector(({ nn }, random, n) => [new nn.BatchNorm1d(n, { affine: random.chance(0.8) }), 'BN1d']),
  ],
];
