import { Float } from '../attributes.ts';
import type { Converter } from '../onnx-op.ts';
import * as activations from './activations.ts';
import { conv, convTranspose } from './conv.ts';
import * as elementwise from './elementwise.ts';
import { batchNorm, groupNorm, instanceNorm, layerNorm } from './norms.ts';
import * as pools from './pools.ts';
import { addmm, attention, linear, matmul } from './products.ts';
import * as reductions from './reductions.ts';
import { bicubic, bilinear, nearest } from './resize.ts';
import * as shapes from './shapes.ts';

const { binary, comparison, logical, unary, composed } = elementwise;
const { reduction } = reductions;

const named = (converter: Converter, names: string): [string, Converter][] =>
  names.split(' ').map((name) => [name, converter]);

/** Functions that ONNX has as they are. */
const UNARY: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  abs: 'Abs',
  neg: 'Neg',
  ceil: 'Ceil',
  floor: 'Floor',
  round: 'Round',
  erf: 'Erf',
  sin: 'Sin',
  cos: 'Cos',
  tan: 'Tan',
  asin: 'Asin',
  acos: 'Acos',
  atan: 'Atan',
  sinh: 'Sinh',
  cosh: 'Cosh',
  reciprocal: 'Reciprocal',
  sign: 'Sign',
  mish: 'Mish',
  hardswish: 'HardSwish',
  logical_not: 'Not',
};

const POINTWISE: [string, Converter][] = [
  ...Object.entries(UNARY).map(([name, type]): [string, Converter] => [name, unary(type)]),
  ...named(elementwise.add, 'add'),
  ...named(elementwise.sub, 'sub subtract'),
  ...named(elementwise.rsub, 'rsub'),
  ...named(binary('Mul'), 'mul multiply'),
  ...named(elementwise.div, 'div divide true_divide'),
  ...named(binary('Pow'), 'pow'),
  ...named(elementwise.clamp, 'clamp clip'),
  ...named(elementwise.clampAt('Max'), 'clamp_min maximum'),
  ...named(elementwise.clampAt('Min'), 'clamp_max minimum'),
  ...named(elementwise.bounded(-1, 1), 'hardtanh'),
  ...named(elementwise.relu6, 'relu6'),
  ...named(elementwise.where, 'where'),
  ...named(elementwise.maskedFill, 'masked_fill'),
  ...named(comparison('Equal'), 'eq'),
  ...named(comparison('Equal', true), 'ne'),
  ...named(comparison('Greater'), 'gt'),
  ...named(comparison('GreaterOrEqual'), 'ge'),
  ...named(comparison('Less'), 'lt'),
  ...named(comparison('LessOrEqual'), 'le'),
  ...named(logical('And'), 'logical_and'),
  ...named(logical('Or'), 'logical_or'),
  ...named(logical('Xor'), 'logical_xor'),
  ...named(
    composed((op, x) => op.emit('Mul', [x, x])),
    'square',
  ),
  ...named(
    composed((op, x) => op.emit('Reciprocal', [op.emit('Sqrt', [x])])),
    'rsqrt',
  ),
];

const ACTIVATIONS: [string, Converter][] = [
  ...named(elementwise.withFloats('LeakyRelu', { alpha: [1, 0.01] }), 'leaky_relu'),
  ...named(elementwise.withFloats('Celu', { alpha: [1, 1] }), 'celu'),
  ...named(
    (op) =>
      op.emit('Selu', [op.input(0)], {
        alpha: new Float(1.6732632423543772),
        gamma: new Float(1.0507009873554805),
      }),
    'selu',
  ),
  ...named(activations.elu, 'elu'),
  ...named(activations.gelu, 'gelu'),
  ...named(activations.silu, 'silu'),
  ...named(activations.softplus, 'softplus'),
  ...named(activations.logSigmoid, 'log_sigmoid'),
  ...named(activations.hardsigmoid, 'hardsigmoid'),
  ...named(activations.prelu, 'prelu'),
  ...named(activations.softmax('Softmax'), 'softmax _softmax'),
  ...named(activations.softmax('LogSoftmax'), 'log_softmax _log_softmax'),
];

const LAYERS: [string, Converter][] = [
  ...[1, 2, 3].flatMap((sides): [string, Converter][] => [
    [`conv${sides}d`, conv(sides)],
    [`conv_transpose${sides}d`, convTranspose(sides)],
    [`max_pool${sides}d`, pools.maxPool(sides)],
    [`avg_pool${sides}d`, pools.avgPool(sides)],
    [`adaptive_avg_pool${sides}d`, pools.adaptiveAvgPool(sides)],
    [`adaptive_max_pool${sides}d`, pools.adaptiveMaxPool(sides)],
  ]),
  ...named(pools.maxPoolWithIndices, 'max_pool2d_with_indices'),
  ...named(linear, 'linear'),
  ...named(addmm, 'addmm'),
  ...named(matmul, 'matmul mm bmm'),
  ...named(attention, 'scaled_dot_product_attention'),
  ...named(batchNorm, 'batch_norm'),
  ...named(instanceNorm, 'instance_norm'),
  ...named(layerNorm, 'layer_norm'),
  ...named(groupNorm, 'group_norm'),
  ...named(bilinear, 'upsample_bilinear2d'),
  ...named(bicubic, 'upsample_bicubic2d'),
  ...named(nearest(false), 'upsample_nearest2d'),
  ...named(nearest(true), '_upsample_nearest_exact2d'),
];

const SHAPES: [string, Converter][] = [
  ...named(shapes.same, 'contiguous clone detach alias lift positive'),
  ...named(shapes.toDType, 'to _to_copy'),
  ...named(shapes.dropout, 'dropout feature_dropout alpha_dropout'),
  ...named(shapes.reshape, 'view reshape _unsafe_view flatten unflatten view_as reshape_as'),
  ...named(shapes.squeeze, 'squeeze'),
  ...named(shapes.unsqueeze, 'unsqueeze'),
  ...named(shapes.permute, 'permute'),
  ...named(shapes.transpose, 'transpose swapaxes swapdims'),
  ...named(shapes.turn, 't numpy_T'),
  ...named(shapes.expand, 'expand expand_as'),
  ...named(shapes.repeat, 'repeat tile'),
  ...named(shapes.cat, 'cat concat concatenate'),
  ...named(shapes.stack, 'stack'),
  ...named(shapes.split, 'split split_with_sizes chunk'),
  ...named(shapes.unbind, 'unbind'),
  ...named(shapes.select, 'select'),
  ...named(shapes.slice, 'slice'),
  ...named(shapes.narrow, 'narrow'),
  ...named(shapes.flip, 'flip'),
  ...named(shapes.indexSelect, 'index_select'),
  ...named(shapes.pad('constant'), 'constant_pad_nd'),
  ...named(shapes.pad('reflect'), 'reflection_pad1d reflection_pad2d reflection_pad3d'),
  ...named(shapes.pad('edge'), 'replication_pad1d replication_pad2d replication_pad3d'),
  ...named(shapes.pixelShuffle, 'pixel_shuffle'),
  ...named(shapes.channelShuffle, 'channel_shuffle native_channel_shuffle'),
];

const REDUCTIONS: [string, Converter][] = [
  ...named(reduction('ReduceMean'), 'mean'),
  ...named(reduction('ReduceSum'), 'sum'),
  ...named(reduction('ReduceMax'), 'amax'),
  ...named(reduction('ReduceMin'), 'amin'),
  ...named(reduction('ReduceLogSumExp'), 'logsumexp'),
  ...named(reductions.extreme('Max'), 'max'),
  ...named(reductions.extreme('Min'), 'min'),
  ...named(reductions.place('ArgMax'), 'argmax'),
  ...named(reductions.place('ArgMin'), 'argmin'),
  ...named(reductions.norm, 'norm linalg_vector_norm'),
  ...named(reductions.variance(false), 'var'),
  ...named(reductions.variance(true), 'std'),
  ...named(reductions.cumsum, 'cumsum'),
];

const CONVERTERS = new Map([...POINTWISE, ...ACTIVATIONS, ...LAYERS, ...SHAPES, ...REDUCTIONS]);

/** What writes an op as nodes of ONNX; undefined where nothing does. */
export const converterOf = (name: string): Converter | undefined =>
  name.startsWith('aten::') ? CONVERTERS.get(name.slice('aten::'.length)) : undefined;
