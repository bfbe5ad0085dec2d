import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import { CompileError } from '../../../lib/compile/errors.ts';
import { withTrace } from '../../../lib/compile/trace/trace.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { withRecorder } from '../../../lib/ops/index.ts';
import {
  fromBuffer,
  manualSeed,
  ops,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../../lib/tensor/index.ts';
import { errorOf } from '../../helpers/errors.ts';
import { countSteps, expectAgreement, prepared } from '../../helpers/plans.ts';

const INPUT = [[1, 4, 6, 6]] as const;

/** A network of one module, `inner`, with this forward. */
function network(forward: (x: Tensor) => unknown): nn.Module {
  class Inner extends nn.Module {
    forward(x: Tensor) {
      return forward(x);
    }
  }
  class Outer extends nn.Module {
    conv = new nn.Conv2d(4, 4, 3, { padding: 1 });
    inner = new Inner();
    forward(x: Tensor) {
      return this.inner.forward(this.conv.forward(x));
    }
  }
  return new Outer().eval();
}

/** Code and message of what compiling this forward throws; the source line without folder and number. */
function failure(forward: (x: Tensor) => unknown): string {
  const error = errorOf(() => buildPlan(network(forward), { inputs: INPUT }));
  expect(error).toBeInstanceOf(CompileError);
  const message = error.message.replace(/\((\S+):\d+\)/g, (_, path: string) => `(${basename(path)})`);
  return `${error.code}: ${message}`;
}

const plans = (forward: (x: Tensor) => unknown) =>
  scope(() => {
    const model = network(forward);
    const plan = buildPlan(model, { inputs: INPUT });
    expectAgreement(model, plan, 6);
    return countSteps(plan);
  });

describe('the trace', () => {
  it('has ops with the path of their module, and parameters by key', () => {
    const model = prepared(new models.BasicBlock_IBN(4, 4, { ibn: 'a' }));
    const lines = withTrace(model, INPUT, ({ ops: found }) =>
      found.map(({ name, site, args }) => {
        const keys = args.flatMap((arg) => (arg.kind === 'constant' && arg.key !== null ? arg.key : []));
        return [site.module, name, ...keys].join(' ');
      }),
    );
    expect(lines).toEqual([
      'conv1 aten::conv2d conv1.weight',
      'bn1 aten::split_with_sizes',
      'bn1.IN aten::instance_norm bn1.IN.weight bn1.IN.bias',
      'bn1 aten::contiguous',
      'bn1.BN aten::batch_norm bn1.BN.weight bn1.BN.bias bn1.BN.running_mean bn1.BN.running_var',
      'bn1 aten::cat',
      'relu aten::relu',
      'conv2 aten::conv2d conv2.weight',
      'bn2 aten::batch_norm bn2.weight bn2.bias bn2.running_mean bn2.running_var',
      ' aten::add',
      'relu aten::relu',
    ]);
  });

  it('leaves model, recorder and random numbers as they were', () => {
    const model = network((x) => x.relu());
    const [forward, before] = [model.forward, rand([1]).item()];
    buildPlan(model, { inputs: INPUT });
    expect(model.forward).toBe(forward);
    expect(Object.keys(model)).not.toContain('forward');
    expect(typeof before).toBe('number');
    errorOf(() =>
      buildPlan(
        network((x) => x.sum().item()),
        { inputs: INPUT },
      ),
    );
    const seen: string[] = [];
    withRecorder(
      (schema) => seen.push(schema.name),
      () => zeros([1]).neg().add(1).abs(),
    );
    expect(seen).toEqual(['aten::zeros', 'aten::neg', 'aten::add', 'aten::abs']);
  });

  it('records every way to call an op', () => {
    const [x, seen] = [zeros([2]), [] as string[]];
    const calls = [
      () => x.neg(),
      () => x.add(x),
      () => x.view([1, 2]),
      () => x.sum([0], { keepdim: true }),
      () => ops.aten.neg(x),
      () => ops.aten.add.Tensor(x, x),
      () => ops.aten.add_(x, 1),
    ];
    for (const call of calls) call();
    withRecorder(
      (schema) => seen.push(schema.name),
      () => calls.map((call) => call()),
    );
    expect(seen.map((name) => name.slice(6))).toEqual(['neg', 'add', 'view', 'sum', 'neg', 'add', 'add_']);
  });

  it('names outputs by their keys', () => {
    const model = network((x) => ({ a: x.relu(), deep: [x.mean([2, 3])] }));
    const plan = buildPlan(model, { inputs: INPUT });
    expect(plan.outputs.map(({ name }) => name)).toEqual(['a', 'deep.0']);
  });
});

describe('in-place ops', () => {
  it('make new values', () => {
    const steps = plans((x) => {
      const y = x.mul(2);
      y.relu_().add_(x);
      return y;
    });
    expect(steps).toEqual({ conv: 1, apply: 1 });
  });

  it('are refused where another tensor over the memory is used later', () => {
    expect(
      failure((x) => {
        x.narrow(1, 0, 2).relu_();
        return x.relu();
      }),
    ).toMatchInlineSnapshot(
      `"ERR_COMPILE_ALIAS: Expected tensors whose memory only they write to, got one that aten::relu_ overwrote through another in module "inner" (trace.test.ts); write to a clone() instead"`,
    );
    expect(
      failure((x) => {
        const part = x.narrow(1, 0, 2);
        x.relu_();
        return part;
      }),
    ).toMatchInlineSnapshot(
      `"ERR_COMPILE_ALIAS: Expected tensors whose memory only they write to, got one that aten::relu_ overwrote through another in the network itself; write to a clone() instead"`,
    );
  });

  it('are refused on parameters', () => {
    const model = network((x) => x);
    const { weight } = (model as unknown as { conv: nn.Conv2d }).conv;
    model.registerModule(
      'inner',
      network((x) => x.mul(weight.mul_(2).sum())),
    );
    expect(errorOf(() => buildPlan(model, { inputs: INPUT })).message).toContain(
      'aten::mul_ on "conv.weight"',
    );
  });
});

describe('what cannot be traced', () => {
  it('is refused in training mode', () => {
    const model = network((x) => x);
    model.getSubmodule('inner').train();
    expect(errorOf(() => buildPlan(model, { inputs: INPUT })).message).toMatchInlineSnapshot(
      `"Expected a network in evaluation mode for compile, got module "inner" in training mode; call model.eval() first"`,
    );
  });

  it('is refused where the forward takes no such inputs, with the module that fails', () => {
    const error = errorOf(() =>
      buildPlan(
        network((x) => x),
        { inputs: [[1, 5, 6, 6]] },
      ),
    ) as CompileError;
    expect([error.name, error.code, error.module]).toEqual(['CompileError', 'ERR_COMPILE_FORWARD', 'conv']);
    expect(error.message).toMatchInlineSnapshot(
      `"Expected inputs that the forward takes for compile, got [N, 5, 6, 6]; module "conv" fails with batches of 1 and 3: aten::conv2d: Given groups=1, weight of size [4, 4, 3, 3], expected input[3, 5, 6, 6] to have 4 channels, but got 5 channels instead"`,
    );
    expect(error.cause).toMatchObject({ name: 'TorchError', op: 'aten::conv2d' });
    const small = errorOf(() => buildPlan(new nn.InstanceNorm2d(4).eval(), { inputs: [[1, 4, 1, 1]] }));
    expect(small.message).toMatchInlineSnapshot(
      `"Expected inputs that the forward takes for compile, got [N, 4, 1, 1]; it fails with batches of 1 and 3: Expected more than 1 spatial element when training, got input size torch.Size([3, 4, 1, 1])"`,
    );
    expect(failure((x) => x.view([7, -1]))).toMatchInlineSnapshot(
      `"ERR_COMPILE_FORWARD: Expected inputs that the forward takes for compile, got [N, 4, 6, 6]; module "inner" fails with batches of 1 and 3: aten::view: shape '[7, -1]' is invalid for input of size 432"`,
    );
  });

  it('passes on what a forward throws of its own', () => {
    const own = new Error('no such mode');
    const throws = () => {
      throw own;
    };
    expect(errorOf(() => buildPlan(network(throws), { inputs: INPUT }))).toBe(own);
  });

  it('is refused where values are read', () => {
    expect(failure((x) => ((x.sum().item() as number) > 0 ? x : x.neg()))).toMatchInlineSnapshot(
      `"ERR_COMPILE_DATA_DEPENDENT: Expected a forward that does not read values computed from the inputs, got item() in module "inner" (trace.test.ts); what depends on them cannot be part of a plan"`,
    );
    expect(failure((x) => x.mul((x.data() as Float32Array)[0] as number))).toMatchInlineSnapshot(
      `"ERR_COMPILE_DATA_DEPENDENT: Expected a forward that does not read values computed from the inputs, got data() in module "inner" (trace.test.ts); what depends on them cannot be part of a plan"`,
    );
    expect(failure((x) => (x.sum().toArray() ? x : x))).toContain('ERR_COMPILE_DATA_DEPENDENT');
    expect(failure((x) => (ops.aten.equal(x, x) ? x : x))).toContain('aten::equal');
  });

  it('is refused where a tensor depends on no input, or no op made it', () => {
    expect(failure(() => zeros([1, 4]))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNRECORDED: Expected a tensor computed from the inputs for output "output", got one that depends on no input in the network itself"`,
    );
    expect(failure(() => fromBuffer(new Float32Array(4)))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNRECORDED: Expected a tensor computed from the inputs for output "output", got one that no recorded op made in the network itself"`,
    );
    expect(failure((x) => x.mul(rand([1])))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNRECORDED: Expected constants that are the same at every run, got one for aten::mul that differs in module "inner" (trace.test.ts); it may hold random numbers, or depend on the inputs or the batch size"`,
    );
  });

  it('is refused where ops differ between batch sizes', () => {
    expect(failure((x) => ((x.shape[0] as number) > 2 ? x.relu() : x.sigmoid()))).toMatchInlineSnapshot(
      `"ERR_COMPILE_BATCH: Expected the same ops for every batch size, got aten::relu with 3 images and aten::sigmoid with 1 in module "inner" (trace.test.ts)"`,
    );
    expect(failure((x) => x.narrow(0, 0, 1))).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNSUPPORTED: Expected ops that compile knows, got aten::narrow that gives float32 [1, 4, 6, 6] in module "inner" (trace.test.ts); pass { unsupported: 'eager' } to run it with libtorch"`,
    );
    expect(failure((x) => x.mul(1 / (x.shape[0] as number)))).toMatchInlineSnapshot(
      `"ERR_COMPILE_BATCH: Expected numbers that are fixed or multiples of the batch, got 0.3333333333333333 and 1 for aten::mul with 3 images and 1 in module "inner" (trace.test.ts)"`,
    );
    expect(failure((x) => x.mul(tensor([x.shape[0] as number])))).toContain('differs');
  });

  it('is refused where no kernel knows the op', () => {
    expect(failure((x) => x.sin())).toMatchInlineSnapshot(
      `"ERR_COMPILE_UNSUPPORTED: Expected ops that compile knows, got aten::sin in module "inner" (trace.test.ts); pass { unsupported: 'eager' } to run it with libtorch"`,
    );
    expect(failure((x) => ops.aten.max_pool2d(x, [2, 2], [2, 2], [0, 0], [2, 2]))).toContain('with dilation');
    expect(failure((x) => ops.aten.permute(x, [0, 2, 3, 1]))).toContain('aten::permute');
    expect(failure((x) => x.argmax(2))).toContain('along another dimension than the channels');
    expect(failure((x) => x.isnan())).toContain('that gives bool');
  });

  it('names the line', () => {
    const error = errorOf(() =>
      buildPlan(
        network((x) => x.sin()),
        { inputs: INPUT },
      ),
    );
    expect((error as CompileError).module).toBe('inner');
    expect((error as CompileError).source).toMatch(/trace\.test\.ts:\d+$/);
  });
});

describe('batch sizes and forms of ops', () => {
  it('takes numbers that are multiples of the batch', () => {
    const steps = plans((x) => x.mean([2, 3], { keepdim: true }).view([x.shape[0] as number, -1]));
    expect(steps).toEqual({ conv: 1 });
  });

  it.each<[string, (x: Tensor) => unknown, Record<string, number>]>([
    [
      'constants of all channels',
      (x) =>
        x
          .sub(0.5)
          .div(2)
          .add(tensor([1, 2, 3, 4]).reshape([4, 1, 1])),
      { conv: 1 },
    ],
    ['slices and chunks', (x) => ops.aten.cat(x.chunk(2, 1).reverse(), 1), { conv: 1, copy: 2 }],
    ['a part as output', (x) => x.narrow(1, 1, 2), { conv: 1 }],
    ['adaptive pooling', (x) => ops.aten.adaptive_avg_pool2d(x, [3, 3]), { conv: 1, avgPool: 1 }],
    ['a map of one pixel', (x) => ops.aten.adaptive_avg_pool2d(x, [1, 1]), { conv: 1, avgPool: 1 }],
    ['dropout and copies', (x) => ops.aten.dropout(x, 0.5, false).clone().contiguous(), { conv: 1 }],
    ['the input', (x) => x.add(x), { conv: 1, apply: 1 }],
    [
      'a gate of one factor for the map',
      (x) => x.mul(x.mean([2, 3], { keepdim: true }).expand(x.shape)),
      { conv: 1, apply: 1 },
    ],
  ])('takes %s', (_, forward, steps) => {
    expect(plans(forward)).toEqual(steps);
  });

  it('makes a convolution of a linear layer over a whole map', () => {
    const fc = new nn.Linear(4 * 36, 3);
    expect(plans((x) => fc.forward(x.flatten(1)))).toEqual({ conv: 2 });
  });

  it('takes convolutions of one pixel as linear layers', () => {
    const squeeze = new nn.Sequential(
      new nn.AdaptiveAvgPool2d(1),
      new nn.Conv2d(4, 2, 1),
      new nn.ReLU(),
      new nn.Conv2d(2, 4, 1),
      new nn.Sigmoid(),
    ).eval();
    expect(plans((x) => x.mul(squeeze.forward(x)))).toEqual({ conv: 1, linear: 2, apply: 1 });
  });
});

describe('unsupported ops', () => {
  it('run with libtorch on request', () => {
    const model = network((x) => ops.aten.cat([x.sin(), x.relu()], 1).relu());
    const plan = buildPlan(model, { inputs: INPUT, unsupported: 'eager' });
    scope(() => expectAgreement(model, plan, 6));
    expect(countSteps(plan)).toEqual({ conv: 1, aten: 1, apply: 2, copy: 1 });
    expect(plan.steps.find(({ op }) => op === 'aten')).toMatchObject({
      name: 'inner',
      operator: 'aten::sin',
    });
  });

  it('take the network input, constants and in-place forms', () => {
    manualSeed(0); // not every mean below 0: there would be nothing to compare
    const scale = randn([1, 4, 1, 6]);
    class Net extends nn.Module {
      forward(x: Tensor) {
        return ops.aten.sin_(ops.aten.hypot(x, scale)).mean([2, 3]).relu();
      }
    }
    const model = new Net().eval();
    const plan = buildPlan(model, { inputs: INPUT, unsupported: 'eager' });
    scope(() => expectAgreement(model, plan, 6));
    expect(plan.steps.map((step) => (step.op === 'aten' ? step.operator : step.op))).toEqual([
      'aten::hypot',
      'aten::sin',
      'globalMean',
      'apply',
    ]);
  });

  it('are refused where libtorch could not either', () => {
    const model = network((x) => ops.aten.permute(x, [0, 2, 3, 1]).sum(3));
    const make = () => buildPlan(model, { inputs: INPUT, unsupported: 'eager' });
    expect(errorOf(make).message).toContain('got float32 [N, 6, 6]');
  });
});
