import { describe, expect, it } from 'vitest';
import { autocast } from '../../../lib/amp/index.ts';
import { standInFor } from '../../../lib/compile/trace/stand-ins.ts';
import * as nn from '../../../lib/nn/index.ts';
import { withRecorder } from '../../../lib/ops/index.ts';
import { memoryStats, noGrad, ones, ops, randn, type Tensor } from '../../../lib/tensor/index.ts';
import { errorOf } from '../../helpers/errors.ts';

const { aten } = ops;

const look = (tensor: Tensor) => [tensor.shape, tensor.stride(), tensor.dtype, tensor.device];

/** How the stand-ins for the ops of `fn` look, and how what libtorch gives does; ops without a stand-in are left out. */
function compared(fn: () => unknown): [unknown, unknown][] {
  const pairs: [unknown, unknown][] = [];
  noGrad(() =>
    withRecorder((schema, args, result) => {
      const made = standInFor(schema, args);
      if (made !== undefined) pairs.push([look(made), look(result as Tensor)]);
    }, fn),
  );
  return pairs;
}

const FORMATS = ['contiguous_format', 'channels_last'] as const;
const maps = (shape: number[]) => FORMATS.map((memoryFormat) => randn(shape).contiguous({ memoryFormat }));
const CONVOLUTIONS: [number[], number[], Record<string, unknown>][] = [
  [[2, 6, 9, 7], [4, 6, 3, 3], {}],
  [[2, 6, 9, 7], [4, 6, 1, 1], { stride: 2 }],
  [[3, 6, 9, 7], [8, 3, 3, 2], { groups: 2, padding: [1, 0], stride: [2, 1], bias: true }],
  [[1, 6, 9, 7], [6, 1, 3, 3], { groups: 6, dilation: [2, 1], padding: 1, bias: true }],
  [[2, 6, 1, 1], [4, 6, 1, 1], { bias: true }],
  [[2, 1, 8, 8], [4, 1, 3, 3], { padding: 1 }],
];

describe('stand-ins of a trace', () => {
  it('are shaped and laid out as what libtorch gives: convolutions', () => {
    const pairs = CONVOLUTIONS.flatMap(([shape, weight, { bias, ...options }]) =>
      maps(shape).flatMap((x) =>
        maps(weight).flatMap((w) =>
          compared(() => nn.functional.conv2d(x, w, bias ? ones([w.shape[0] as number]) : null, options)),
        ),
      ),
    );
    expect(pairs).toHaveLength(CONVOLUTIONS.length * 4);
    for (const [made, real] of pairs) expect(made).toEqual(real);
  });

  it('are shaped and laid out as what libtorch gives: the rest', () => {
    const v = ones([6]);
    const others = [
      [2, 6, 9, 7],
      [2, 6, 1, 5],
      [1, 6, 4, 4],
    ]
      .flatMap((shape) => maps(shape))
      .flatMap((x) => [
        () => aten.batch_norm(x, v, v, v, v, false, 0.1, 1e-5, true),
        () => aten.batch_norm(x, null, null, v, v, false, 0.1, 1e-5, true),
        () => aten.instance_norm(x, v, v, null, null, true, 0.1, 1e-5, true),
        () =>
          aten.batch_norm(x.transpose(0, 1).contiguous().transpose(0, 1), v, v, v, v, false, 0.1, 1e-5, true),
        () => aten.instance_norm(x.transpose(2, 3), v, v, null, null, true, 0.1, 1e-5, true),
        () => aten.relu(x),
        () => aten.relu(x.transpose(0, 3)),
        () => aten.relu(x.narrow(3, 0, 1)),
        () => aten.add.Tensor(x, x.mul(2)),
        () => aten.cat([x, x.mul(2)], 1),
        () => aten.contiguous(x),
        () => aten.contiguous(x.narrow(1, 0, 3)),
        () => aten.linear(randn([3, 5]), randn([4, 5]), null),
        () => aten.linear(randn([3, 5]), randn([4, 5]), ones([4])),
      ]);
    const pairs = others.map((call) => compared(call).at(-1));
    for (const pair of pairs) if (pair !== undefined) expect(pair[0]).toEqual(pair[1]);
    // Left to libtorch: contiguous() of what is so, cat of channels_last maps.
    expect(pairs.filter((pair) => pair !== undefined).length).toBeGreaterThanOrEqual(48);
  });

  it('are shaped and laid out as what libtorch gives: pooling', () => {
    const shapes = [
      [2, 6, 9, 7],
      [1, 3, 8, 8],
      [2, 1, 6, 6],
      [1, 6, 3, 3],
    ];
    const windows: [kernel: unknown, stride?: unknown, padding?: unknown][] = [
      [3],
      [
        [3, 2],
        [2, 1],
        [1, 0],
      ],
      [[2, 2], [], 0],
      [2, 2],
    ];
    const sizes = [1, [1, 1], [2, 3], [9, 7]];
    const calls = shapes
      .flatMap((shape) => [...maps(shape), randn(shape).transpose(2, 3)])
      .flatMap((x) => [
        ...windows.flatMap((window) => [
          () => aten.max_pool2d(x, ...(window as [number])),
          () => aten.avg_pool2d(x, ...(window as [number])),
        ]),
        () => aten.max_pool2d(x, 2, 1, 1, 2),
        () => aten.avg_pool2d(x, 3, 2, 1, false, false),
        ...sizes.map((size) => () => aten.adaptive_avg_pool2d(x, size)),
      ]);
    const pairs = calls.map((call) => compared(call).at(-1));
    for (const pair of pairs) if (pair !== undefined) expect(pair[0]).toEqual(pair[1]);
    const made = pairs.filter((pair) => pair !== undefined).length;
    // Left to libtorch: adaptive pooling of what was transposed.
    expect(made).toBe(calls.length - shapes.length * sizes.length);
  });

  it('take no memory, however large they are', () => {
    const [x, w] = [randn([1, 3, 512, 512]), randn([256, 3, 1, 1])];
    const before = memoryStats().cpuBytes;
    const made = withRecorder(
      () => undefined,
      () => aten.conv2d(x, w),
      standInFor,
    );
    expect(made.shape).toEqual([1, 256, 512, 512]);
    expect(memoryStats().cpuBytes).toBe(before);
  });

  it('of ops in place are the tensor itself', () => {
    const x = randn([1, 2, 3, 3]);
    const seen: unknown[] = [];
    withRecorder(
      (schema, args) => seen.push(standInFor(schema, args)),
      () => x.relu_().add_(x),
    );
    expect(seen).toEqual([x, x]);
    expect(seen.every((tensor) => tensor === x)).toBe(true);
  });

  it('leave to libtorch what would fail, and what they do not know', () => {
    const [x, w, v] = [randn([1, 6, 9, 9]), randn([4, 6, 3, 3]), ones([6])];
    const failing = [
      () => aten.conv2d(x, randn([4, 5, 3, 3])),
      () => aten.conv2d(x, randn([4, 6, 11, 3])),
      () => aten.conv2d(x, w, ones([5])),
      () => aten.conv2d(x, w.to('float64')),
      () => aten.conv2d(x, randn([5, 3, 3, 3]), null, 1, 0, 1, 2),
      () => aten.conv2d(x, w, null, 0),
      () => aten.conv2d(x, w, null, 1, -1),
      () => aten.conv2d(x, w, null, 1, 0, 0),
      () => aten.relu(x.gt(0)),
      () => aten.linear(randn([2, 3]), randn([2, 4])),
      () => aten.batch_norm(x, v, v, ones([5]), v, false, 0.1, 1e-5, true),
      () => aten.cat([x, randn([1, 6, 8, 9])], 1),
      () => aten.max_pool2d(x, 0),
      () => aten.max_pool2d(x, 11),
      () => aten.max_pool2d(x, 3, 2, 2),
      () => aten.max_pool2d(x, 3, 0),
      () => aten.max_pool2d(x, 3, 1, 0, 0),
      () => aten.avg_pool2d(x, 3, 2, 2),
      () => aten.avg_pool2d(x, [3, 11]),
      () => aten.adaptive_avg_pool2d(x, [-1, 1]),
    ];
    for (const call of failing) {
      const ran = errorOf(call).message;
      const substituted = errorOf(() => withRecorder(() => undefined, call, standInFor)).message;
      expect(substituted).toBe(ran);
    }
    const unknown = [
      () => aten.batch_norm(x, v, v, null, null, true, 0.1, 1e-5, true),
      () => aten.conv2d(x.to('float64'), w.to('float64')),
      () => autocast('cpu', { dtype: 'bfloat16' }, () => aten.conv2d(x, w)),
      () => aten.add.Tensor(x, v.view([1, 6, 1, 1])),
      () => aten.sum(x),
      () => aten.max_pool2d(x, 2, 2, 0, 1, true),
      () => aten.avg_pool2d(x, 2, 2, 0, true),
      () => aten.avg_pool2d(x, 2, 2, 0, false, true, 3),
    ];
    for (const call of unknown) expect(compared(call)).toEqual([]);
  });
});
