import * as binary from './binary.ts';
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

/** Ops of `aten` by their names. What they make has kernels on the CPU and calls on CUDA. */
const COMMON: Readonly<Record<string, Importer>> = {
  conv2d: layers.conv2d,
  linear: layers.linear,
  ...each(layers.matmul, 'matmul mm'),
  addmm: layers.addmm,
  batch_norm: layers.batchNorm,
  instance_norm: layers.instanceNorm,
  ...each(layers.maxPool2d, 'max_pool2d max_pool2d_with_indices'),
  avg_pool2d: layers.avgPool2d,
  adaptive_avg_pool2d: layers.adaptivePool2d('avg'),
  adaptive_max_pool2d: layers.adaptivePool2d('max'),
  mean: layers.mean,
  relu: elementwise.relu,
  sigmoid: elementwise.sigmoid,
  add: elementwise.add,
  sub: elementwise.sub,
  mul: elementwise.mul,
  div: elementwise.div,
  ...each(shapes.cat, 'cat concat'),
  ...each(shapes.split, 'split split_with_sizes chunk'),
  narrow: shapes.narrow,
  slice: shapes.slice,
  ...each(shapes.dropout, 'dropout feature_dropout'),
  ...each(shapes.expand, 'expand expand_as'),
  ...each(shapes.reshape, 'flatten view view_as reshape reshape_as _unsafe_view squeeze unsqueeze'),
  ...each(shapes.same, 'contiguous clone detach alias to _to_copy positive lift'),
};

/** Ops, and other forms of them, that only the CPU's kernels take. */
const CPU_ONLY: Readonly<Record<string, Importer>> = {
  ...Object.fromEntries(Object.entries(FUNCTIONS).map(([name, read]) => [name, pointwise(read)])),
  add: binary.binary('add', elementwise.add),
  ...each(binary.binary('sub', elementwise.sub), 'sub subtract'),
  ...each(binary.binary('mul', elementwise.mul), 'mul multiply'),
  ...each(binary.binary('div', elementwise.div), 'div divide true_divide'),
  rsub: binary.rsub,
  maximum: binary.binary('maximum'),
  minimum: binary.binary('minimum'),
  upsample_bilinear2d: resize.bilinear,
  upsample_nearest2d: resize.nearest('nearest'),
  _upsample_nearest_exact2d: resize.nearest('nearest-exact'),
  argmax: shapes.argmax,
  max: binary.largest('maximum'),
  min: binary.largest('minimum'),
};

/** How ops of `aten` become nodes, by their names, for each target. */
export const IMPORTERS: Readonly<Record<Target, Readonly<Record<string, Importer>>>> = {
  cpu: { ...COMMON, ...CPU_ONLY },
  cuda: COMMON,
};
