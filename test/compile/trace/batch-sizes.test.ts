import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import { CompileError } from '../../../lib/compile/errors.ts';
import * as nn from '../../../lib/nn/index.ts';
import { ops, randn, type Tensor, tensor, zeros } from '../../../lib/tensor/index.ts';
import { errorOf } from '../../helpers/errors.ts';
import { countSteps, expectAgreement } from '../../helpers/plans.ts';

const { aten } = ops;
const INPUT = [[1, 4, 6, 6]] as const;

function network(forward: (x: Tensor) => unknown): nn.Module {
  class Net extends nn.Module {
    conv = new nn.Conv2d(4, 4, 3, { padding: 1 });
    forward(x: Tensor) {
      return forward(this.conv.forward(x));
    }
  }
  return new Net().eval();
}

/** What compiling is refused with; fails on anything but a CompileError that names the line. */
function refusal(forward: (x: Tensor) => unknown): string {
  const error = errorOf(() => buildPlan(network(forward), { inputs: INPUT })) as CompileError;
  expect(error).toBeInstanceOf(CompileError);
  expect(error.source).toMatch(/batch-sizes\.test\.ts:\d+$/);
  return `${error.code}: ${error.message.replace(/ in (module|the network).*/, '')}`;
}

function plans(forward: (x: Tensor) => unknown) {
  const model = network(forward);
  const plan = buildPlan(model, { inputs: INPUT });
  expectAgreement(model, plan, 6);
  return countSteps(plan);
}

const batchOf = (x: Tensor) => x.shape[0] as number;

describe('a number that grows with the batch is refused where it is no size', () => {
  it.each<[string, (x: Tensor) => unknown]>([
    ['alpha', (x) => aten.add(x, x, { alpha: batchOf(x) })],
    ['alpha of a constant', (x) => x.add(tensor([1]), { alpha: batchOf(x) })],
    ['an addend', (x) => x.add(batchOf(x))],
    ['a factor', (x) => x.mul(3 * batchOf(x))],
    ['the start of a range', (x) => x.narrow(1, batchOf(x), 1)],
    ['the length of a range', (x) => x.narrow(1, 0, batchOf(x))],
    ['the end of a slice', (x) => aten.slice(x, 1, 0, batchOf(x))],
    ['padding', (x) => aten.max_pool2d(x, [6, 6], [9, 9], [batchOf(x), batchOf(x)])],
    ['a range of images', (x) => x.narrow(0, 0, batchOf(x))],
    ['eps', (x) => aten.instance_norm(x, null, null, null, null, true, 0, batchOf(x), true)],
  ])('%s', (_, forward) => {
    expect(refusal(forward)).toMatch(
      /^ERR_COMPILE_BATCH: Expected numbers that are the same for every batch size, got (3 times )?the batch size for aten::/,
    );
  });

  it('and says what to do', () => {
    const error = errorOf(() =>
      buildPlan(
        network((x) => x.narrow(1, 0, batchOf(x))),
        { inputs: INPUT },
      ),
    );
    expect(error.message.replace(/\(.*\/(\S+):\d+\)/, '($1)')).toMatchInlineSnapshot(
      `"Expected numbers that are the same for every batch size, got the batch size for aten::narrow in the network itself (batch-sizes.test.ts); give a fixed number, or do it on the outputs of run()"`,
    );
  });

  it('but not in a reshape', () => {
    expect(plans((x) => x.mean([2, 3]).reshape([batchOf(x), 4]))).toEqual({ conv: 1 });
    expect(plans((x) => x.reshape([batchOf(x), 4, -1, 6]).relu())).toEqual({ conv: 1 });
    expect(plans((x) => x.mul(x.mean([2, 3], { keepdim: true }).expand([batchOf(x), 4, 6, 6])))).toEqual({
      conv: 1,
      apply: 1,
    });
  });
});

describe('a size is the batch only if it grows with it', () => {
  it.each<[string, (x: Tensor) => unknown]>([
    ['reshape([2, -1])', (x) => x.reshape([2, -1])],
    ['reshape([1, -1])', (x) => x.reshape([1, -1])],
    ['reshape([3, -1])', (x) => x.reshape([3, -1])],
    ['channels before images', (x) => aten.transpose(x.mean([2, 3]), 0, 1)],
    ['images beside channels', (x) => x.reshape([1, -1, 6, 6])],
    ['a second dimension that grows', (x) => x.unsqueeze(1).expand([-1, batchOf(x), 4, 6, 6])],
  ])('%s', (_, forward) => {
    expect(refusal(forward)).toMatch(/^ERR_COMPILE_(UNSUPPORTED|FORWARD|BATCH): /);
  });

  it('says the sizes that it found', () => {
    expect(refusal((x) => x.reshape([1, -1, 6, 6]))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNSUPPORTED: Expected ops that compile knows, got aten::reshape that gives float32 [1, 4 N, 6, 6]"`,
    );
    expect(refusal((x) => x.reshape([2, -1]))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNSUPPORTED: Expected ops that compile knows, got aten::reshape that gives float32 [2, 72 N]"`,
    );
  });

  it('also where one image loses its dimension', () => {
    expect(refusal((x) => aten.squeeze(x.mean([2, 3], { keepdim: true })))).toMatchInlineSnapshot(
      `"ERR_COMPILE_BATCH: Expected sizes that are fixed or multiples of the batch, got aten::squeeze with sizes [3, 4] and [4]"`,
    );
    expect(refusal((x) => aten.squeeze(x, [0]))).toMatch(/^ERR_COMPILE_BATCH/);
    expect(plans((x) => aten.squeeze(x.mean([2, 3], { keepdim: true }), [2, 3]))).toEqual({ conv: 1 });
  });

  it('and one image takes another way than many', () => {
    expect(refusal((x) => (batchOf(x) === 1 ? x : x.relu()))).toMatchInlineSnapshot(
      `"ERR_COMPILE_BATCH: Expected the same ops for every batch size, got aten::relu with 3 images only"`,
    );
    expect(() =>
      buildPlan(
        network((x) => (batchOf(x) === 1 ? [x] : [x, x])),
        { inputs: INPUT },
      ),
    ).toThrow(/^Expected the same ops for every batch size, got other outputs/);
  });
});

describe('a forward that remembers', () => {
  it('numbers is refused', () => {
    let calls = 0;
    expect(refusal((x) => x.mul(++calls))).toContain('ERR_COMPILE_BATCH');
  });

  it('tensors is refused', () => {
    let last: Tensor = zeros([1, 4, 1, 1]);
    const forward = (x: Tensor) => {
      const sum = x.add(last);
      last = x.mean([0, 2, 3], { keepdim: true });
      return sum;
    };
    const error = errorOf(() => buildPlan(network(forward), { inputs: INPUT }));
    expect(error).toMatchObject({ name: 'CompileError', code: 'ERR_COMPILE_UNRECORDED' });
    expect(error.message).toMatch(/^Expected a forward that uses no tensor of an earlier call for compile/);
  });
});

describe('linear layers take vectors (N, C) alone', () => {
  const weight = randn([3, 4]);
  const row = (x: Tensor) => x.mean([2, 3], { keepdim: true }).expand([-1, -1, 1, 4]);

  it.each<[string, (x: Tensor) => unknown]>([
    ['linear', (x) => aten.linear(row(x), weight)],
    ['matmul', (x) => row(x).matmul(weight.t())],
    [
      'linear over columns',
      (x) => aten.linear(x.mean([2, 3], { keepdim: true }).expand([-1, -1, 4, 4]), weight),
    ],
  ])('%s refuses vectors that are maps to libtorch', (_, forward) => {
    expect(refusal(forward)).toContain('ERR_COMPILE_UNSUPPORTED');
  });

  it.each<[string, number[]]>([
    ['()', []],
    ['(1)', [1]],
    ['(3)', [3]],
    ['(1, 3)', [1, 3]],
    ['(1, 1)', [1, 1]],
  ])('addmm takes a bias of shape %s', (_, shape) => {
    const bias = randn(shape);
    expect(plans((x) => aten.addmm(bias, x.mean([2, 3]), weight.t()))).toEqual({ conv: 1, linear: 1 });
  });
});

describe('arguments that are tensors', () => {
  it('are refused where the plan needs a number', () => {
    const start = tensor([1]).to('int64').reshape([]);
    expect(refusal((x) => aten.narrow.Tensor(x, 1, start, 1))).toContain('no constant number');
  });
});

describe('convolutions beside what they read', () => {
  const conv = new nn.Conv2d(4, 4, 3, { padding: 1 }).eval();

  it.each<[string, (x: Tensor) => unknown, object]>([
    ['conv(q) + q', (q) => conv.forward(q).add(q), { conv: 2 }],
    ['q + conv(q)', (q) => q.add(conv.forward(q)), { conv: 2 }],
    ['relu(conv(q) + q)', (q) => conv.forward(q).add(q).relu(), { conv: 2 }],
    ['conv(relu(q)) + relu(q)', (q) => q.relu().add(conv.forward(q.relu())), { conv: 2 }],
  ])('%s', (_, forward, steps) => {
    expect(plans(forward)).toMatchObject(steps);
  });

  it('take the input of the network twice', () => {
    class Net extends nn.Module {
      conv = conv;
      forward(x: Tensor) {
        return this.conv.forward(x).add(x);
      }
    }
    const model = new Net().eval();
    expectAgreement(model, buildPlan(model, { inputs: INPUT }), 6);
  });
});

describe('an empty slice', () => {
  it('is refused', () => {
    expect(refusal((x) => x.narrow(1, 2, 0))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNSUPPORTED: Expected ops that compile knows, got aten::narrow that gives float32 [N, 0, 6, 6]"`,
    );
    expect(refusal((x) => aten.cat([aten.slice(x, 1, 3, 2), x], 1))).toContain('[N, 0, 6, 6]');
    expect(refusal((x) => aten.cat(aten.split_with_sizes(x, [0, 4], 1), 1))).toContain('[N, 0, 6, 6]');
  });
});

describe('a gate of one number for each image', () => {
  it('is refused, as it has other channels than the map', () => {
    expect(refusal((x) => x.mul(x.mean([1, 2, 3], { keepdim: true })))).toContain('ERR_COMPILE_UNSUPPORTED');
  });
});
