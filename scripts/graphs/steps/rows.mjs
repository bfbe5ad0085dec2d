import { CHANNELS } from './draw.mjs';

export function vectors({ random, torch: { ops } }, [, channels]) {
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
export function tokens({ random, torch }, [, count, width]) {
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
