import { beforeAll, describe, expect, it } from 'vitest';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { scope, setNumThreads, type Tensor } from '../../../lib/tensor/index.ts';
import { EVERYDAY } from '../../helpers/networks.ts';
import { disposeModel, prepared } from '../../helpers/plans.ts';
import { check, checkNetwork } from './networks.ts';
import { countCalls, cudaPlan, disposePlan } from './plans.ts';

const SMALL = { widths: [16, 32, 64, 128], numClasses: 5 } as const;

beforeAll(() => setNumThreads(2));

describe('calls for CUDA agree with eager', () => {
  it.each(EVERYDAY)('%s', checkNetwork);

  it.each(['b', 'c', 'd', 'ad', 'aa'] as const)('residual networks with placement %s', (placement) => {
    for (const ratio of placement === 'b' || placement === 'c' ? [0.5] : [0, 0.3, 1]) {
      const options = { ...SMALL, ratio, ibnCfg: [placement, placement, placement, null] as const };
      check(() => new models.ResNet_IBN(models.BasicBlock_IBN, [1, 2, 1, 1], options));
      check(() => new models.ResNet_IBN(models.Bottleneck_IBN, [2, 1, 1, 1], options), { size: 32 });
      check(() => new models.SEResNet_IBN([2, 1, 1, 1], options), { size: 32 });
    }
  });

  it('DenseNets at any ratio', () => {
    const dense = { growthRate: 8, blockConfig: [4, 4, 4, 2], numInitFeatures: 16, numClasses: 5 } as const;
    for (const ratio of [0, 0.3, 1]) check(() => new models.DenseNet_IBN({ ...dense, ratio }));
  });

  it.each(['float16', 'bfloat16'] as const)('in %s, to its precision', (dtype) => {
    const ibnCfg = ['a', 'b', 'a', null] as const;
    const make = () => new models.ResNet_IBN(models.Bottleneck_IBN, [1, 1, 1, 1], { ...SMALL, ibnCfg });
    check(make, { size: 32, dtype }, dtype === 'float16' ? 0.02 : 0.1);
  });

  it('networks that give several tensors', () => {
    const names = ['layer1', 'layer3.0', 'layer4'] as never;
    check(() => models.createFeatureExtractor(models.resnet18_ibn_a() as never, names));
  });

  it('ops that compile leaves to libtorch, in the plan’s dtype', () => {
    class Net extends nn.Module {
      conv = new nn.Conv2d(3, 8, 3);
      forward(x: Tensor) {
        const y = this.conv.forward(x);
        return { erf: y.erf(), sum: y.softmax(1, { dtype: 'float32' }).add(y), sigmoid: y.sigmoid() };
      }
    }
    check(() => new Net(), { size: 16, unsupported: 'eager' });
    check(() => new Net(), { size: 16, unsupported: 'eager', dtype: 'bfloat16' }, 0.05);
  });
});

describe('every convolution takes in what follows it', () => {
  const counts = (name: string) =>
    scope(() => {
      const model = nn.utils.skipInit(() => models.getModel(name)).eval();
      const found = countCalls(cudaPlan(model));
      disposeModel(model);
      return found;
    });
  const ends = { max_pool2d: 1, mean: 1, linear: 1 };

  it('resnet50: three kinds of convolution and nothing between them', () => {
    expect(counts('resnet50')).toEqual({
      ...ends,
      cudnn_convolution_relu: 33,
      cudnn_convolution_add_relu: 16,
      conv2d: 4,
    });
  });

  it('IBN-a and IBN-b: one more call for each instance-batch normalisation', () => {
    expect(counts('resnet50_ibn_a')).toEqual({
      ...ends,
      cudnn_convolution_relu: 20,
      cudnn_convolution_add_relu: 16,
      conv2d: 17,
      instance_batch_norm: 13,
    });
    // Two of its blocks and the stem end in a norm.
    expect(counts('resnet50_ibn_b')).toEqual({
      ...ends,
      cudnn_convolution_relu: 32,
      cudnn_convolution_add_relu: 14,
      conv2d: 7,
      instance_batch_norm: 3,
    });
  });

  it('squeeze and excitation: gate and addition in the last convolution or one call', () => {
    const found = counts('se_resnet50_ibn_a');
    expect(found).toMatchObject({ instance_batch_norm: 13, _addmm_activation: 16, sigmoid_: 16 });
    expect((found.addcmul as number) + (found.mul as number)).toBe(16);
  });

  it('DenseNets: a norm with ReLU for each concatenation', () => {
    expect(counts('densenet121_ibn_a')).toMatchObject({
      cat: 58,
      instance_batch_norm: 62,
      cudnn_convolution_relu: 59,
      conv2d: 61,
      avg_pool2d: 3,
    });
  });

  it('no convolution of the residual networks adds a bias by itself', () => {
    for (const name of ['resnet50', 'resnet50_ibn_a', 'resnet50_ibn_b', 'resnext50_ibn_a']) {
      const model = prepared(nn.utils.skipInit(() => models.getModel(name)));
      const plan = cudaPlan(model);
      const biases = plan.calls.filter(({ op }) => op === 'aten::conv2d').map(({ args }) => args[2]);
      expect(
        biases.filter((bias) => bias === undefined || !('literal' in bias) || bias.literal !== null),
      ).toEqual([]);
      disposePlan(plan);
      disposeModel(model);
    }
  });
});
