// What random networks are made of. Each maker gives the indices of the values that it reads, a closure over tensors, and
// its text; undefined where no value fits.

const CHANNELS = [1, 2, 3, 4, 5, 6, 8, 12, 16, 17, 24, 32];

const channelsOf = (pool, index) => pool.values[index].shape[1];

/** A layer, now and then one that another step has already: shared weights. */
function layer({ layers, random, pool }, from, make, text) {
  const channels = channelsOf(pool, from);
  const fits = layers.filter(({ numFeatures = channels }) => numFeatures === channels);
  const shared = fits.length > 0 && random.chance(0.15) ? random.pick(fits) : undefined;
  const module = shared ?? make();
  if (shared === undefined) layers.push(module.eval());
  return { from: [from], run: (x) => module.forward(x), text: shared ? 'shared layer' : text };
}

function divisors(a, b) {
  return [1, 2, 3, 4, 6, 8, 12, 16, 32].filter((n) => a % n === 0 && b % n === 0);
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

/** One value, by a closure that is drawn for it. */
const unary = (pick, draw) => (context) => {
  const from = context.pool[pick]();
  if (from === undefined) return undefined;
  const [run, text] = draw(context, context.pool.values[from].shape);
  return { from: [from], run, text };
};

const binary = (first, second, draw) => (context) => {
  const { pool, random } = context;
  const one = pool[first]();
  const two = one === undefined ? undefined : pool[second](one);
  if (two === undefined) return undefined;
  const [run, text] = draw(context);
  return { from: random.chance(0.5) ? [one, two] : [two, one], run, text };
};

/**
 * Whether an example differs enough along `dims`: what a norm leaves of a constant map, or its `std`, is rounding, which
 * has no largest value to compare with.
 */
function varies(x, dims) {
  const largest = x.abs().max().item();
  return x.amax(dims).sub(x.amin(dims)).min().item() > 1e-2 * largest;
}

function elementwise({ torch: { ops }, random }) {
  const { aten } = ops;
  const positive = (x) => x.abs().add(0.1);
  const table = {
    relu: (x) => x.relu(),
    'relu in place': (x) => aten.relu_(x),
    sigmoid: (x) => x.sigmoid(),
    tanh: (x) => x.tanh(),
    gelu: (x) => aten.gelu(x),
    hardswish: (x) => aten.hardswish(x),
    hardtanh: (x) => aten.hardtanh(x),
    clone: (x) => x.clone(),
    'dropout in evaluation': (x) => aten.dropout(x, 0.5, false),
    clamp: (x) => x.clamp(-0.5, 0.8),
    'softmax(1)': (x) => x.softmax(1),
    'softmax(-1)': (x) => x.softmax(-1),
    neg: (x) => x.neg(),
    'gelu by tanh': (x) => aten.gelu(x, { approximate: 'tanh' }),
    silu: (x) => aten.silu(x),
    mish: (x) => aten.mish(x),
    hardsigmoid: (x) => aten.hardsigmoid(x),
    'leaky relu': (x) => aten.leaky_relu(x, 0.1),
    elu: (x) => aten.elu(x, 0.7),
    selu: (x) => aten.selu(x),
    softplus: (x) => aten.softplus(x, 2, 5),
    'log sigmoid': (x) => aten.log_sigmoid(x),
    'clamp from below': (x) => aten.clamp(x, 0.1),
    'GeM of numbers': (x) => x.clamp(0.1, 4).pow(3),
    'GeM, back': (x) => positive(x).pow(1 / 3),
    log: (x) => positive(x).log(),
    'inverse root': (x) => positive(x).rsqrt(),
    sin: (x) => x.sin(),
    'log softmax': (x) => aten.log_softmax(x, 1),
  };
  const name = random.pick(['relu', 'relu', 'sigmoid', ...Object.keys(table)]);
  return [table[name], name];
}

function arithmetic({ torch, random }, shape) {
  const { ops } = torch;
  const places = torch.randn(shape.slice(1).map((size) => (random.chance(0.7) ? size : 1)));
  const value = random.pick([2, -1, 0.5, 3]);
  const tail = shape.length === 4 ? [shape[1], 1, 1] : [shape[1]];
  const each = torch.randn(random.chance(0.5) ? tail : [1, ...tail]).add(2);
  const table = {
    'add number': (x) => x.add(value),
    'number times': (x) => x.mul(value),
    'div by number': (x) => x.div(value),
    'minus number': (x) => x.sub(value),
    'add of channels': (x) => x.add(each),
    'channels plus': (x) => each.add(x),
    'times channels': (x) => x.mul(each),
    'channels minus': (x) => each.sub(x),
    'div by channels': (x) => x.div(each),
    square: (x) => x.mul(x),
    'add in place': (x) => x.add_(value),
    'add with alpha': (x) => x.add(each, { alpha: value }),
    'number minus': (x) => ops.aten.rsub(x, value),
    'channels divided by': (x) => each.div(x.abs().add(0.5)),
    'add of places': (x) => x.add(places),
    'places minus': (x) => places.sub(x),
    'larger of channels': (x) => ops.aten.maximum(x, each),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], name];
}

function slices({ random, torch: { ops } }, [, channels]) {
  const from = random.int(0, channels);
  const count = random.int(random.chance(0.05) ? 0 : 1, channels - from);
  const sizes = [from, channels - from];
  const table = {
    narrow: (x) => x.narrow(1, from, Math.max(0, count)),
    'narrow from the end': (x) => x.narrow(-3, -Math.max(1, channels - from), 1),
    slice: (x) => ops.aten.slice(x, 1, from, from + count),
    'slice to the end': (x) => ops.aten.slice(x, 1, from - channels),
    chunk: (x) => x.chunk(2, 1),
    split: (x) => ops.aten.split_with_sizes(x, sizes, 1),
    rows: (x) => x.narrow(2, 0, 1),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], `${name} ${from} ${count}`];
}

function shapes({ random, torch: { ops } }, [, channels, height, width]) {
  const { aten } = ops;
  const [rows, columns, corners] = [random.int(1, 19), random.int(1, 19), random.chance(0.5)];
  const table = {
    'flatten(1)': (x) => x.flatten(1),
    'view(N, -1)': (x) => x.view([x.shape[0], -1]),
    'reshape(-1, C, H, W)': (x) => x.reshape([-1, channels, height, width]),
    'reshape(N, C, W, H)': (x) => x.reshape([x.shape[0], channels, width, height]),
    'reshape(N, H, C, W)': (x) => x.reshape([x.shape[0], height, channels, width]),
    contiguous: (x) => x.contiguous(),
    permute: (x) => aten.permute(x, [0, 1, 3, 2]),
    flip: (x) => x.flip([2]),
    squeeze: (x) => aten.squeeze(x, [2, 3]),
    expand: (x) => x.expand([-1, -1, 2, 3]),
    pad: (x) => aten.constant_pad_nd(x, [1, 0, 0, 1], 0.5),
    upsample: (x) => aten.upsample_nearest2d(x, [height * 2, width * 2]),
    tokens: (x) => x.flatten(2),
    'tokens of channels': (x) => aten.transpose(x.flatten(2), 1, 2),
    'view(N, C, HW)': (x) => x.view([x.shape[0], channels, height * width]),
    'channel shuffle': (x) => aten.channel_shuffle(x, 2),
    bilinear: (x) => aten.upsample_bilinear2d(x, [rows, columns], corners),
    'bilinear to a multiple': (x) => aten.upsample_bilinear2d(x, [height * 2, width * 2], corners),
    'to any size': (x) => aten.upsample_nearest2d(x, [rows, columns]),
    'to any size, exact': (x) => aten._upsample_nearest_exact2d(x, [rows, columns]),
  };
  const name = random.pick(['flatten(1)', 'flatten(1)', ...Object.keys(table)]);
  return [table[name], name];
}

function means({ random, torch: { ops } }) {
  const { aten } = ops;
  const table = {
    'mean(2, 3)': (x) => x.mean([2, 3]),
    'mean(-1, -2) kept': (x) => x.mean([-1, -2], { keepdim: true }),
    'mean(1) kept': (x) => x.mean([1], { keepdim: true }),
    'mean(2) kept': (x) => x.mean([2], { keepdim: true }),
    'amax(2, 3)': (x) => aten.amax(x, [2, 3]),
    'amax kept': (x) => aten.amax(x, [2, 3], true),
    'sum(2, 3)': (x) => x.sum([2, 3]),
    'max along 3': (x) => aten.max.dim(x, 3, true)[0],
    'rows of softmax': (x) => x.softmax(2).sum([2, 3]),
    'largest of channels': (x) => aten.amax(x, [1], true),
    'smallest of channels': (x) => aten.min.dim(x, 1, true)[0],
    'sum of channels': (x) => x.sum([1], { keepdim: true }),
    'mean of channels, unsqueezed': (x) => x.mean([1]).unsqueeze(1),
    'max, then sum': (x) => aten.max.dim(x, 2)[0].sum([2]),
  };
  const name = random.pick(['mean(2, 3)', ...Object.keys(table)]);
  return [table[name], name];
}

/** Norms by each image's own statistics, and `std`, of what is not constant. */
function norms({ torch, random, pool }) {
  const from = pool.map();
  const [, channels, height, width] = from === undefined ? [] : pool.values[from].shape;
  if (from === undefined || !varies(pool.values[from], [2, 3])) return undefined;
  const { aten } = torch.ops;
  const own = (...shape) =>
    random.chance(0.6) ? [torch.rand(shape).add(0.5), torch.rand(shape).sub(0.5)] : [null, null];
  const groups = random.pick(divisors(channels, channels));
  const [each, all] = [own(channels), own(channels, height, width)];
  const table = {
    'group norm': (x) => aten.group_norm(x, groups, ...each),
    'layer norm': (x) => aten.layer_norm(x, [channels, height, width], ...all),
    std: (x) => aten.std.dim(x, [2, 3], false),
  };
  const name = random.pick(['group norm', ...Object.keys(table)]);
  return { from: [from], run: table[name], text: `${name} ${groups}` };
}

function vectors({ random, torch: { ops } }, [, channels]) {
  const { aten } = ops;
  const k = random.int(1, channels);
  const table = {
    topk: (x) => aten.topk(x, k)[0],
    sort: (x) => aten.sort(x)[0],
    unsqueeze: (x) => x.unsqueeze(-1).unsqueeze(-1),
    'view as map': (x) => x.view([-1, channels, 1, 1]),
    normalize: (x) => x.div(aten.norm.ScalarOpt_dim(x, 2, [1], true)),
    'values at the largest': (x) => aten.gather(x, 1, aten.topk(x, k)[1]),
    'expand to a row': (x) => x.view([-1, channels, 1, 1]).expand([-1, -1, 1, 3]),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], `${name} ${k}`];
}

/** Values (N, T, C), as in transformers. */
function tokens({ random, torch }, [, count, width]) {
  const { aten } = torch.ops;
  const weight = torch.randn([random.pick(CHANNELS), width]);
  const table = {
    'transpose(1, 2)': (x) => aten.transpose(x, 1, 2),
    'softmax(-1)': (x) => x.softmax(-1),
    'layer norm': (x) => aten.layer_norm(x, [width]),
    linear: (x) => aten.linear(x, weight),
    attention: (x) =>
      x
        .matmul(aten.transpose(x, 1, 2))
        .softmax(-1)
        .matmul(x),
    'mean(1)': (x) => x.mean([1]),
    'max(1)': (x) => aten.max.dim(x, 1)[0],
    first: (x) => aten.select(x, 1, 0),
    'as a map': (x) => x.reshape([-1, count, width, 1]),
    'as a wide map': (x) => aten.unsqueeze(x, 1).relu(),
    twice: (x) => aten.cat([x, x.neg()], 1),
    halves: (x) => x.chunk(2, 2),
    'larger than 0': (x) => aten.where(aten.gt(x, 0), x, x.mul(0.5)),
    flatten: (x) => x.flatten(1),
    gelu: (x) => aten.gelu(x),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], name];
}

const sums = ({ random, torch: { ops } }) => {
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

const gates = () => [
  (x, y) =>
    x.shape[2] * x.shape[3] >= y.shape[2] * y.shape[3]
      ? x.mul(y.mean([2, 3], { keepdim: true }).sigmoid())
      : y.mul(x.mean([2, 3], { keepdim: true })),
  'gate',
];
/** A map times what one channel of another says of its pixels, and other sizes that broadcast. */
const attention = ({ random }) => {
  const table = {
    'times a channel': (x, y) => x.mul(y.narrow(1, 0, 1).sigmoid()),
    'minus means of channels': (x, y) => x.sub(y.mean([1], { keepdim: true })),
    'plus means of pixels': (x) => x.add(x.mean([2, 3], { keepdim: true })),
    'divided by means': (x) => x.div(x.abs().mean([2, 3], { keepdim: true }).add(0.5)),
  };
  const name = random.pick(Object.keys(table));
  return [table[name], name];
};
const cats = ({ torch: { ops } }) => [(x, y) => ops.aten.cat([x, y], 1), 'cat'];

/** conv(q) + q, whose addend is what the convolution reads. */
function residual(context) {
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

/** Ops without weights. No labels (`argmax`): where two channels are all but equal they say nothing of a mistake. */
export const STEPS = [
  ['elementwise', unary('any', elementwise)],
  ['elementwise', unary('any', elementwise)],
  ['arithmetic', unary('any', arithmetic)],
  ['slices', unary('map', slices)],
  ['shapes', unary('map', shapes)],
  ['means', unary('map', means)],
  ['vectors', unary('vector', vectors)],
  ['tokens', unary('tokens', tokens)],
  ['tokens', unary('tokens', tokens)],
  ['tokens', unary('tokens', tokens)],
  ['sum', binary('any', 'like', sums)],
  ['sum', binary('any', 'like', sums)],
  ['sum', binary('any', 'like', sums)],
  ['gate', binary('map', 'map', gates)],
  ['attention', binary('map', 'beside', attention)],
  ['norms', norms],
  ['cat', binary('map', 'beside', cats)],
  ['cat', binary('map', 'beside', cats)],
  ['residual', residual],
];
