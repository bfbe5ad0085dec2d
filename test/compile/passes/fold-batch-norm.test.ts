import { describe, expect, it } from 'vitest';
import { scaleChannels } from '../../../lib/compile/graph/affine.ts';
import { sorted } from '../../../lib/compile/graph/graph.ts';
import { foldBatchNorm } from '../../../lib/compile/passes/fold-batch-norm.ts';
import { foldVectorNorm } from '../../../lib/compile/passes/fold-vector-norm.ts';
import { joinNorms } from '../../../lib/compile/passes/join-norms.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { noGrad, ops, type Tensor } from '../../../lib/tensor/index.ts';
import { afterPasses, prepared, relativeError, withGraph } from '../../helpers/plans.ts';

const INPUT = [1, 2, 8, 8];

describe('foldBatchNorm', () => {
  it('folds into a convolution, with or without bias', () => {
    for (const bias of [false, true]) {
      const model = prepared(new nn.Sequential(new nn.Conv2d(2, 8, 3, { bias }), new nn.BatchNorm2d(8)));
      expect(afterPasses(model, INPUT, foldBatchNorm)).toEqual(['input()', 'conv(0)']);
    }
  });

  it('rounds the weight once, after computing it in float64', () => {
    const [conv, norm] = [new nn.Conv2d(2, 8, 3, { bias: false }), new nn.BatchNorm2d(8)];
    const model = prepared(new nn.Sequential(conv, norm));
    withGraph(model, INPUT, (graph) => {
      foldBatchNorm(graph);
      const node = sorted(graph).at(-1);
      const scale = (norm.weight as Tensor)
        .to('float64')
        .div((norm.running_var as Tensor).to('float64').add(norm.eps).sqrt());
      const want = conv.weight
        .to('float64')
        .mul(scale.reshape([-1, 1, 1, 1]))
        .to('float32');
      if (node?.op !== 'conv' || node.weightScale === undefined)
        throw new Error('Expected a folded convolution');
      expect(node.weight.untypedStorage().dataPtr()).toBe(conv.weight.untypedStorage().dataPtr());
      expect(relativeError(scaleChannels(node.weight, node.weightScale), want)).toBe(0);
    });
  });

  it('folds the batch half of instance-batch normalisation', () => {
    const model = prepared(new nn.Sequential(new nn.Conv2d(2, 8, 3), new models.IBN(8)));
    const lines = afterPasses(model, INPUT, joinNorms, foldBatchNorm);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [IN 4, same 4]']);
  });

  it('leaves a convolution alone that something else reads', () => {
    class Two extends nn.Module {
      conv = new nn.Conv2d(2, 8, 3);
      norm = new nn.BatchNorm2d(8);
      forward(x: Tensor) {
        const raw = this.conv.forward(x);
        return { raw, normed: this.norm.forward(raw) };
      }
    }
    const lines = afterPasses(prepared(new Two()), INPUT, foldBatchNorm);
    expect(lines).toEqual(['input()', 'conv(0)', 'norm(1) [BN 8]']);
  });

  it('leaves norms alone that follow no convolution', () => {
    const model = prepared(new nn.Sequential(new nn.MaxPool2d(2), new nn.BatchNorm2d(2)));
    expect(afterPasses(model, INPUT, foldBatchNorm)).toEqual(['input()', 'pool(0)', 'norm(1) [BN 2]']);
  });
});

describe('foldVectorNorm', () => {
  class Neck extends nn.Module {
    norm = new nn.BatchNorm1d(2);
    fc = new nn.Linear(2, 3, { bias: false });
    both: boolean;
    constructor(both: boolean) {
      super();
      this.both = both;
      noGrad(() => {
        this.norm.weight?.uniform_(0.5, 1.5);
        this.norm.running_mean?.uniform_(-1, 1);
      });
    }
    forward(x: Tensor): Tensor | Record<string, Tensor> {
      const features = this.norm.forward(ops.aten.mean.dim(x, [2, 3]));
      const logits = this.fc.forward(features);
      return this.both ? { features, logits } : logits;
    }
  }

  it('folds the norm of a vector into the linear layer that reads it', () => {
    const lines = afterPasses(new Neck(false).eval(), INPUT, foldVectorNorm);
    expect(lines).toEqual(['input()', 'mean(0)', 'linear(1)']);
  });

  it('makes a pass over the vector of it where it is an output too', () => {
    const lines = afterPasses(new Neck(true).eval(), INPUT, foldVectorNorm);
    expect(lines).toEqual(['input()', 'mean(0)', 'apply(1) pre[BN 2]', 'linear(1)']);
  });
});
