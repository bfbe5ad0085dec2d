import type { OpReader } from './op-reader.ts';

/** Why an op may mix the images of a batch; undefined where it treats every image by itself. */
type Rule = (op: OpReader) => string | undefined;

const OVER_IMAGES = 'over the images of a batch';
const TWO_VALUES = 'of several values, which may mix the images of a batch';

/** How many dimensions each operand has that depends on the inputs, also those in lists. */
const ranksOf = (op: OpReader): number[] =>
  op.op.args
    .flatMap((arg) => (arg.kind === 'list' ? arg.items : [arg]))
    .flatMap((arg) => op.shapeOf(arg)?.length ?? []);

/** Elements at the same place: operands that depend on the inputs have the result's dimensions, images first. */
const pointwise: Rule = (op) => {
  const ranks = ranksOf(op);
  return ranks.every((rank) => rank === op.resultShape.length) ? undefined : TWO_VALUES;
};

/** One value, by constants. */
const ofOne: Rule = (op) => {
  return ranksOf(op).length === 1 ? undefined : TWO_VALUES;
};

/** Of an image with the image at the same place: products of the last two dimensions. */
const product: Rule = (op) => {
  const ranks = ranksOf(op);
  return ofOne(op) === undefined || ranks.every((rank) => rank > 2) ? undefined : TWO_VALUES;
};

/** The dimensions at `index`, from the front; undefined where they are all, or not fixed. */
function dimensions(
  op: OpReader,
  index: number,
  missing: number | undefined,
  extra = 0,
): number[] | undefined {
  const arg = op.arg(index);
  const rank = (op.shapeOf(op.arg(0))?.length ?? 0) + extra;
  const items = arg?.kind === 'list' ? arg.items : arg === undefined ? [] : [arg];
  const values = items.map((item) => (item.kind === 'literal' ? (item.value ?? missing) : undefined));
  const dims = values.length === 0 ? [missing] : values;
  if (!dims.every((dim) => typeof dim === 'number')) return undefined;
  return (dims as number[]).map((dim) => (dim < 0 ? dim + rank : dim));
}

/** Along dimensions that stand at `index`, none of which is the batch. `extra`: dimensions that the op adds. */
const along =
  (index: number, missing?: number, extra = 0): Rule =>
  (op) =>
    pointwiseOrOne(op) ??
    (dimensions(op, index, missing, extra)?.every((dim) => dim > 0) ? undefined : OVER_IMAGES);

const pointwiseOrOne: Rule = (op) => (ofOne(op) === undefined ? undefined : pointwise(op));

const both =
  (...rules: Rule[]): Rule =>
  (op) => {
    for (const rule of rules) {
      const reason = rule(op);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };

/** A list at `index` has fewer than `most` numbers for each dimension of the input, so that images are left alone. */
const shorter =
  (index: number, perDimension = 1): Rule =>
  (op) => {
    const arg = op.arg(index);
    const count = arg?.kind === 'list' ? arg.items.length : 1;
    return count <= perDimension * ((op.shapeOf(op.arg(0))?.length ?? 0) - 1) ? undefined : OVER_IMAGES;
  };

/** A flag at `index` is off. */
const off =
  (index: number, missing: boolean, reason: string): Rule =>
  (op) =>
    op.literal(index, missing) === false ? undefined : reason;

/** The first of the numbers at `index` leaves the batch where it is. */
const keepsFirst =
  (index: number, first: number): Rule =>
  (op) => {
    const arg = op.arg(index);
    const items = arg?.kind === 'list' ? arg.items : [];
    const [head] = items;
    const fits = head?.kind === 'literal' && head.value === first && items.length === op.resultShape.length;
    return fits ? undefined : OVER_IMAGES;
  };

/** Values in a list, along a dimension of the result. */
const joined: Rule = (op) => {
  const rank = op.resultShape.length;
  const dim = op.literal(1, 0);
  return (dim < 0 ? dim + rank : dim) > 0 ? undefined : OVER_IMAGES;
};

/** Another rule for an overload of the op. */
const forOverload =
  (overload: string, rule: Rule, other: Rule): Rule =>
  (op) =>
    op.op.overload === overload ? rule(op) : other(op);

/** Row-major, with the images first before and after: elements stay within their image. */
const inOrder: Rule = (op) =>
  op.op.overload === 'dtype' ? 'that reads elements as those of another dtype' : ofOne(op);

const named = (rule: Rule, names: string): [string, Rule][] => names.split(' ').map((name) => [name, rule]);

/**
 * Ops that treat every image by itself, and in which form. A plan cuts batches and joins callers, so an op that libtorch
 * runs in a plan must be one of these: that shapes grow with the batch proves nothing (`softmax(0)`, `flip([0])`).
 */
const RULES = new Map<string, Rule>([
  ...named(
    pointwise,
    'abs absolute neg negative exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square pow float_power reciprocal ' +
      'sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh erf erfc erfinv ' +
      'sigmoid logit relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardsigmoid hardswish hardshrink softshrink ' +
      'softplus log_sigmoid threshold clamp clamp_min clamp_max clip floor ceil round trunc fix frac sign sgn nan_to_num ' +
      'deg2rad rad2deg add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod atan2 arctan2 ' +
      'maximum minimum fmax fmin lerp addcmul addcdiv where masked_fill hypot copysign xlogy logaddexp logaddexp2 sinc i0 ' +
      'lgamma digamma heaviside special_expit special_erf special_erfc special_log1p special_expm1 special_exp2 special_sinc ' +
      'special_i0 special_i0e special_i1 special_i1e special_entr special_logit special_ndtr special_log_ndtr ' +
      'contiguous clone detach alias to _to_copy positive lift view_as reshape_as expand_as ' +
      'eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and logical_or logical_not logical_xor ' +
      'isnan isinf isfinite bitwise_and bitwise_or bitwise_not bitwise_xor zeros_like ones_like full_like',
  ),
  ...named(
    ofOne,
    'prelu conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear addmm max_pool2d avg_pool2d ' +
      'adaptive_avg_pool2d upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d _upsample_bilinear2d_aa ' +
      'upsample_bicubic2d _upsample_bicubic2d_aa reflection_pad2d replication_pad2d pixel_shuffle pixel_unshuffle ' +
      'channel_shuffle native_channel_shuffle group_norm adaptive_avg_pool1d adaptive_max_pool1d adaptive_max_pool2d max_pool1d ' +
      'avg_pool1d max_pool2d_with_indices embedding',
  ),
  ...named(product, 'matmul mm scaled_dot_product_attention grid_sampler grid_sampler_2d'),
  ...named(
    along(1),
    'softmax log_softmax _softmax _log_softmax special_softmax special_log_softmax cumsum cumprod logcumsumexp flip sum mean ' +
      'nansum nanmean amax amin prod logsumexp std var squeeze select index_select gather unflatten',
  ),
  ...named(along(1, 0), 'slice narrow flatten unbind'),
  ...named(along(2, 0), 'split split_with_sizes chunk'),
  ...named(joined, 'cat concat concatenate stack'),
  ...named(inOrder, 'view reshape _unsafe_view expand'),
  ...named(forOverload('other', pointwise, along(1)), 'max min'),
  ...named(along(1), 'argmax argmin cummax cummin std_mean var_mean any all'),
  ...named(along(1, -1), 'median nanmedian mode'),
  ...named(forOverload('stable', along(2, -1), along(1, -1)), 'sort argsort'),
  ...named(along(2, -1), 'topk kthvalue'),
  ['glu', along(1, -1)],
  ['unsqueeze', along(1, undefined, 1)],
  ...named(along(2), 'norm linalg_vector_norm roll repeat_interleave'),
  ...named(both(along(1), along(2)), 'transpose swapaxes swapdims'),
  ['permute', both(ofOne, keepsFirst(1, 0))],
  ...named(both(ofOne, keepsFirst(1, 1)), 'repeat tile'),
  ...named(both(ofOne, shorter(1)), 'layer_norm rms_norm'),
  ...named(both(ofOne, shorter(1, 2)), 'constant_pad_nd pad'),
  ['batch_norm', both(ofOne, off(5, false, 'over the statistics of the batch'))],
  [
    'instance_norm',
    both(ofOne, (op) =>
      op.constant(3) === null ? undefined : off(5, true, 'that updates running statistics')(op),
    ),
  ],
  ...named(both(ofOne, off(2, true, 'in training mode')), 'dropout feature_dropout alpha_dropout'),
]);

/** Why an op cannot be run on a part of a batch, in words; undefined where it is proven that it can. */
export function mixesImages(op: OpReader): string | undefined {
  const name = op.op.name.startsWith('aten::') ? op.op.name.slice(6) : '';
  const rule = RULES.get(name);
  return rule === undefined ? 'which is not known to treat every image by itself' : rule(op);
}
