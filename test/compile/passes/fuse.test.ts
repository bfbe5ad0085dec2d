import { describe, expect, it } from 'vitest';
import { foldBatchNorm } from '../../../lib/compile/passes/fold-batch-norm.ts';
import { fuseApply } from '../../../lib/compile/passes/fuse-apply.ts';
import { fuseEpilogue } from '../../../lib/compile/passes/fuse-epilogue.ts';
import { fuseLinear } from '../../../lib/compile/passes/fuse-linear.ts';
import { fusePrologue } from '../../../lib/compile/passes/fuse-prologue.ts';
import { joinNorms } from '../../../lib/compile/passes/join-norms.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import type { Tensor } from '../../../lib/tensor/index.ts';
import { afterPasses, prepared } from '../../helpers/plans.ts';

const ALL = [joinNorms, foldBatchNorm, fuseLinear, fuseEpilogue, fuseApply, fusePrologue];
const block = (options: models.BlockOptions, make = models.BasicBlock_IBN) =>
  prepared(new make(4, 4, options));

describe('fuseEpilogue', () => {
  it('adds and applies relu in the convolution', () => {
    const lines = afterPasses(block({}), [1, 4, 8, 8], foldBatchNorm, fuseEpilogue);
    expect(lines).toEqual(['input()', 'conv(0) relu', 'conv(1, add 0) relu']);
  });

  it('adds in the convolution that runs last', () => {
    const downsample = new nn.Sequential(new nn.Conv2d(4, 4, 1), new nn.BatchNorm2d(4));
    const lines = afterPasses(block({ downsample }), [1, 4, 8, 8], foldBatchNorm, fuseEpilogue);
    expect(lines).toEqual(['input()', 'conv(0)', 'conv(0) relu', 'conv(2, add 1) relu']);
  });
});

describe('fuseLinear', () => {
  it('takes relu and sigmoid into linear layers', () => {
    const fc = new nn.Sequential(new nn.Linear(4, 2), new nn.ReLU(), new nn.Linear(2, 4), new nn.Sigmoid());
    const model = new nn.Sequential(new models.GlobalAvgPool2d(), new Flatten(), fc).eval();
    const lines = afterPasses(model, [1, 4, 8, 8], fuseLinear);
    expect(lines).toEqual(['input()', 'mean(0)', 'linear(1) relu', 'linear(2) sigmoid']);
  });
});

class Flatten extends nn.Module {
  forward(x: Tensor) {
    return x.flatten(1);
  }
}

describe('fuseApply', () => {
  it('gates, adds and applies relu at once', () => {
    const model = prepared(new models.SEBottleneck_IBN(16, 4));
    const lines = afterPasses(model, [1, 16, 8, 8], ...ALL);
    expect(lines).toEqual([
      'input()',
      'conv(0) relu',
      'conv(1) relu',
      'conv(2)',
      'mean(3)',
      'linear(4) relu',
      'linear(5) sigmoid',
      'apply(3, gate 6, add 0) relu',
    ]);
  });

  it('adds to what a norm gives, which it applies as it reads', () => {
    const lines = afterPasses(block({ ibn: 'aa' }), [1, 4, 8, 8], ...ALL);
    expect(lines).toEqual([
      'input()',
      'conv(0)',
      'conv(1) pre[IN 2, same 2] relu',
      'apply(2, add 0) pre[IN 2, same 2] relu',
    ]);
  });
});

describe('fusePrologue', () => {
  it('lets the next convolution normalise as it reads', () => {
    const lines = afterPasses(block({ ibn: 'a' }), [1, 4, 8, 8], ...ALL);
    expect(lines).toEqual(['input()', 'conv(0)', 'conv(1, add 0) pre[IN 2, same 2] relu relu']);
  });

  it('normalises in a pass of its own before an output', () => {
    const lines = afterPasses(block({ ibn: 'b' }), [1, 4, 8, 8], ...ALL);
    expect(lines).toEqual(['input()', 'conv(0) relu', 'conv(1, add 0)', 'apply(2) pre[IN 4] relu']);
  });

  it('serves max-pooling, and several readers at once', () => {
    const stem = new nn.Sequential(
      new nn.Conv2d(2, 4, 3),
      new nn.InstanceNorm2d(4, { affine: true }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
    );
    expect(afterPasses(prepared(stem), [1, 2, 8, 8], ...ALL)).toEqual([
      'input()',
      'conv(0)',
      'pool(1) pre[IN 4] relu',
    ]);
    const dense = prepared(
      new nn.Sequential(new nn.MaxPool2d(2), new nn.BatchNorm2d(2), new nn.ReLU(), new Twice()),
    );
    expect(afterPasses(dense, [1, 2, 8, 8], ...ALL)).toEqual([
      'input()',
      'pool(0)',
      'conv(1) pre[BN 2] relu',
      'conv(1, add 2) pre[BN 2] relu',
    ]);
  });
});

class Twice extends nn.Module {
  a = new nn.Conv2d(2, 3, 1);
  b = new nn.Conv2d(2, 3, 1);
  forward(x: Tensor) {
    return this.a.forward(x).add(this.b.forward(x));
  }
}
