import * as binary from './binary.ts';
import * as channels from './channels.ts';
import * as elementwise from './elementwise.ts';
import { FUNCTIONS, pointwise } from './functions.ts';
import type { Importer } from './layers.ts';
import * as layers from './layers.ts';
import * as resize from './resize.ts';
import * as shapes from './shapes.ts';

/** What a graph is imported for. */
export type Target = 'cpu' | 'cuda';

/** One importer for several ops. */
const each = (importer: Importer, names: string): Record<string, Importer> =>
  Object.fromEntries(names.split(' ').map((name) => [name, importer]));

type Importers = Readonly<Record<string, Importer>>;

/** Ops that are taken alike. */
export interface Family {
  /** Which forms, in words for the table of docs/compile.md. */
  readonly takes: string;
  /** By names in `aten`: for the CPU's kernels and for calls on CUDA. */
  readonly both?: Importers;
  /** For the CPU alone, some in the place of what both have. */
  readonly cpu?: Importers;
  /** What of it CUDA takes where the CPU takes more. */
  readonly onCuda?: string;
}

/** All that compile takes without libtorch. */
export const FAMILIES: readonly Family[] = [
  {
    takes: 'maps by a constant weight, with any stride, padding, dilation and groups',
    both: { conv2d: layers.conv2d },
  },
  {
    takes: 'vectors by a constant matrix, with a constant bias',
    both: { linear: layers.linear, ...each(layers.matmul, 'matmul mm'), addmm: layers.addmm },
  },
  {
    takes: 'with running statistics',
    both: { batch_norm: layers.batchNorm },
  },
  {
    takes: 'of maps, by each image or with running statistics',
    both: { instance_norm: layers.instanceNorm },
  },
  {
    takes: 'of maps, any groups',
    cpu: { group_norm: channels.groupNorm },
  },
  {
    takes: 'over vectors (N, C), or over channels, height and width of maps together',
    cpu: { layer_norm: channels.layerNorm },
  },
  {
    takes:
      'without dilation and `divisor_override`; windows no larger than the padded map; no places of maxima',
    both: {
      ...each(layers.maxPool2d, 'max_pool2d max_pool2d_with_indices'),
      avg_pool2d: layers.avgPool2d,
    },
  },
  {
    takes: 'to sizes that divide the map',
    both: {
      adaptive_avg_pool2d: layers.adaptivePool2d('avg'),
      adaptive_max_pool2d: layers.adaptivePool2d('max'),
    },
  },
  {
    takes: 'over height and width together, or over the channels',
    both: { mean: layers.mean },
    cpu: {
      mean: channels.reduce('mean', layers.mean),
      sum: channels.reduce('sum', layers.sum),
      amax: channels.reduce('max', layers.largestOf),
    },
    onCuda: '`mean` over height and width',
  },
  {
    takes: 'over the channels, or `max` and `min` of two values; no places of maxima',
    cpu: {
      amin: channels.reduce('min'),
      max: binary.largest('maximum', channels.reduce('max')),
      min: binary.largest('minimum', channels.reduce('min')),
    },
  },
  {
    takes: 'over the channels',
    cpu: {
      ...each(channels.softmax(false), 'softmax _softmax special_softmax'),
      ...each(channels.softmax(true), 'log_softmax _log_softmax special_log_softmax'),
    },
  },
  {
    takes: 'over the channels, as an output',
    cpu: { argmax: shapes.argmax },
  },
  {
    takes: 'any map or vector',
    both: { relu: elementwise.relu, sigmoid: elementwise.sigmoid },
  },
  {
    takes: 'any map or vector; numbers and weights that are the same for all channels',
    cpu: Object.fromEntries(Object.entries(FUNCTIONS).map(([name, read]) => [name, pointwise(read)])),
  },
  {
    takes: 'two maps or vectors of sizes that broadcast, or one and numbers or constants of any such size',
    both: { add: elementwise.add, sub: elementwise.sub, mul: elementwise.mul, div: elementwise.div },
    cpu: {
      add: binary.binary('add', elementwise.add),
      ...each(binary.binary('sub', elementwise.sub), 'sub subtract'),
      ...each(binary.binary('mul', elementwise.mul), 'mul multiply'),
      ...each(binary.binary('div', elementwise.div), 'div divide true_divide'),
      rsub: binary.rsub,
      maximum: binary.binary('maximum'),
      minimum: binary.binary('minimum'),
    },
    onCuda:
      '`add` of two of one size, `mul` of a map by a number for each image and channel, and these and `sub` and `div` by one number for each channel',
  },
  {
    takes: 'to any size or by any factor; `align_corners`',
    cpu: {
      upsample_bilinear2d: resize.bilinear,
      upsample_nearest2d: resize.nearest('nearest'),
      _upsample_nearest_exact2d: resize.nearest('nearest-exact'),
    },
  },
  {
    takes: 'maps along the channels',
    both: {
      ...each(shapes.cat, 'cat concat'),
      ...each(shapes.split, 'split split_with_sizes chunk'),
      narrow: shapes.narrow,
      slice: shapes.slice,
    },
  },
  {
    takes: '(N, C, 1, 1) over a map',
    both: each(shapes.expand, 'expand expand_as'),
  },
  {
    takes: '(N, C, 1, 1) as (N, C) and back; a map as the vector that a linear layer reads',
    both: each(shapes.reshape, 'flatten view view_as reshape reshape_as _unsafe_view squeeze unsqueeze'),
  },
  {
    takes: 'what changes nothing in evaluation',
    both: {
      ...each(shapes.dropout, 'dropout feature_dropout'),
      ...each(shapes.same, 'contiguous clone detach alias to _to_copy positive lift'),
    },
  },
];

const joined = (of: (family: Family) => Importers | undefined): Importers =>
  Object.assign({}, ...FAMILIES.map(of));
const BOTH = joined(({ both }) => both);

/** How ops of `aten` become nodes, by their names, for each target. */
export const IMPORTERS: Readonly<Record<Target, Importers>> = {
  cpu: { ...BOTH, ...joined(({ cpu }) => cpu) },
  cuda: BOTH,
};
