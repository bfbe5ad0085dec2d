import { divisors, varies } from './draw.mjs';

export function slices({ random, torch: { ops } }, [, channels]) {
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

export function shapes({ random, torch: { ops } }, [, channels, height, width]) {
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

export function means({ random, torch: { ops } }) {
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
export function norms({ torch, random, pool }) {
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
