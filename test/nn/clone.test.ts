import { describe, expect, it } from 'vitest';
import { models } from '../../lib/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { randn, scope, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { assertClose } from '../../lib/testing/index.ts';

class Tied extends nn.Module {
  a = new nn.Linear(2, 2);
  b = new nn.Linear(2, 2);
  list = [new nn.Parameter(tensor([1, 2])), { deep: tensor([3]) }] as const;
  view: Tensor;
  helper = Object.freeze(new Date(0));

  constructor() {
    super();
    this.b.weight = this.a.weight;
    this.view = this.a.weight.detach().index(0);
    this.registerBuffer('count', tensor([1]), { persistent: false });
  }

  forward(x: Tensor): Tensor {
    return this.b.forward(this.a.forward(x));
  }
}

describe('a clone of a module', () => {
  it('computes the same and shares nothing with it', () => {
    for (const name of ['resnet18_ibn_a', 'densenet121_ibn_a', 'se_resnet50_ibn_a']) {
      const model = models.getModel(name, { numClasses: 3 }).eval();
      const copy = model.clone();
      const x = randn([1, 3, 64, 64]);
      expect([copy.constructor, copy.training]).toEqual([model.constructor, false]);
      expect([...copy.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
      assertClose(copy.stateDict(), model.stateDict(), { rtol: 0, atol: 0 });
      assertClose(copy.forward(x) as Tensor, model.forward(x) as Tensor, { rtol: 0, atol: 0 });
      const before = model.stateDict().get('fc.bias') ?? model.stateDict().get('classifier.bias');
      const was = before?.toArray();
      for (const parameter of copy.parameters()) parameter.detach().zero_();
      expect(before?.toArray()).toEqual(was);
    }
  });

  it('shares inside itself what is shared in the module', () => {
    const module = new Tied();
    const copy = module.clone();
    expect(copy.b.weight).toBe(copy.a.weight);
    expect(copy.a.weight).not.toBe(module.a.weight);
    copy.a.weight.detach().fill_(7);
    expect(copy.view.toArray()).toEqual([7, 7]);
    expect(module.view.toArray()).not.toEqual([7, 7]);
    copy.list[1].deep.fill_(9);
    expect(module.list[1].deep.toArray()).toEqual([3]);
    expect(copy.helper).toBe(module.helper);
    expect(copy.namedBuffers().map(([name]) => name)).toEqual(module.namedBuffers().map(([name]) => name));
    expect([...copy.stateDict().keys()]).toEqual([...module.stateDict().keys()]);
  });

  it('keeps gradients, hooks and what does not require them, and outlives a scope', () => {
    const module = new nn.Sequential(new nn.Linear(2, 1), new nn.ReLU());
    module
      .forward(tensor([[1, 2]]))
      .sum()
      .backward();
    (module[0] as nn.Linear).bias?.requiresGrad_(false);
    let calls = 0;
    module.registerForwardHook(() => void calls++);
    const copy = scope(() => module.clone());
    expect((copy[0] as nn.Linear).weight.grad?.toArray()).toEqual(
      (module[0] as nn.Linear).weight.grad?.toArray(),
    );
    expect((copy[0] as nn.Linear).bias?.requiresGrad).toBe(false);
    copy.forward(zeros([1, 2]));
    expect(calls).toBe(1);
    expect(copy.length).toBe(2);
    expect(String(copy)).toBe(String(module));
  });

  it('works for every layer', () => {
    const layers = [
      new nn.Conv2d(2, 2, 3, { padding: 1, paddingMode: 'reflect' }),
      new nn.InstanceNorm2d(2, { affine: true }),
      new nn.BatchNorm2d(2),
      new nn.AvgPool2d(2),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
    ];
    const x = randn([2, 2, 4, 4]);
    for (const layer of layers) {
      layer.eval();
      assertClose(layer.clone().forward(x) as Tensor, layer.forward(x) as Tensor);
    }
    const backbone = models.createFeatureExtractor(models.resnet18_ibn_a().eval(), ['layer1']);
    assertClose(backbone.clone().forward(zeros([1, 3, 32, 32])), backbone.forward(zeros([1, 3, 32, 32])));
  });
});
