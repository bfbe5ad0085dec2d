export function elementwise({ torch: { ops }, random }) {
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

export function arithmetic({ torch, random }, shape) {
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
