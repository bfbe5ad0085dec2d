import { beforeAll, describe, expect, it } from 'vitest';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { scope, setNumThreads } from '../../../lib/tensor/index.ts';
import { EVERYDAY } from '../../helpers/networks.ts';
import { countSteps, disposeModel } from '../../helpers/plans.ts';
import { check, checkNetwork } from './networks.ts';

const SMALL = { widths: [16, 32, 64, 128], numClasses: 5 } as const;
const PLACEMENTS = ['b', 'c', 'd', 'ad', 'aa'] as const;
const RATIOS = [0, 0.3, 0.5, 1];

beforeAll(() => setNumThreads(1));

describe('plans agree with eager', () => {
  it.each(EVERYDAY)('%s', checkNetwork);

  it.each(PLACEMENTS)('residual networks with placement %s at any ratio', (placement) => {
    for (const ratio of placement === 'b' || placement === 'c' ? [0.5] : RATIOS) {
      const options = { ...SMALL, ratio, ibnCfg: [placement, placement, placement, null] as const };
      check(() => new models.ResNet_IBN(models.BasicBlock_IBN, [1, 2, 2, 1], options));
      check(() => new models.ResNet_IBN(models.Bottleneck_IBN, [2, 2, 1, 1], options), 32);
      check(() => new models.SEResNet_IBN([2, 1, 1, 1], options), 32);
      if (ratio === 0.5) {
        check(() => new models.ResNeXt_IBN([2, 1, 1, 1], { ...options, cardinality: 4, baseWidth: 16 }), 32);
      }
    }
  });

  it('IBN-a and DenseNets at any ratio', () => {
    for (const ratio of RATIOS) {
      check(() => new models.ResNet_IBN(models.BasicBlock_IBN, [2, 2, 2, 2], { ...SMALL, ratio }));
      const dense = { growthRate: 8, blockConfig: [4, 4, 4, 2], numInitFeatures: 16, numClasses: 5 } as const;
      check(() => new models.DenseNet_IBN({ ...dense, ratio }));
    }
  });

  it('dilated networks, small stems and other pooling', () => {
    check(() => new models.ResNet_IBN(models.Bottleneck_IBN, [2, 2, 2, 2], { ...SMALL, outputStride: 8 }));
    const small = { ...SMALL, stem: 'small', ibnCfg: ['b', 'd', 'd', null] } as const;
    check(() => new models.ResNet_IBN(models.BasicBlock_IBN, [2, 2, 2, 2], small));
    const avgpool = new nn.AdaptiveAvgPool2d(1);
    check(() => new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], { ...SMALL, avgpool }));
  });
});

describe('plans of the networks are minimal', () => {
  const counts = (name: string, size = 64) =>
    scope(() => {
      const model = nn.utils.skipInit(() => models.getModel(name)).eval();
      const found = countSteps(buildPlan(model, { inputs: [[1, 3, size, size]] }));
      disposeModel(model);
      return found;
    });

  it('one step per convolution, and one per instance-batch normalisation', () => {
    const ends = { maxPool: 1, globalMean: 1, linear: 1 };
    expect(counts('resnet50')).toEqual({ ...ends, conv: 53 });
    expect(counts('resnet50_ibn_a')).toEqual({ ...ends, conv: 53, instanceAffine: 13 });
    expect(counts('resnet50_ibn_b')).toEqual({ ...ends, conv: 53, instanceAffine: 3 });
    expect(counts('resnext50_ibn_a')).toEqual({ ...ends, conv: 53, instanceAffine: 13 });
    expect(counts('resnet18_ibn_a')).toEqual({ ...ends, conv: 20, instanceAffine: 6 });
  });

  it('squeeze and excitation as two linear layers and one pass', () => {
    const found = counts('se_resnet50_ibn_a');
    expect(found).toEqual({ maxPool: 1, globalMean: 1, conv: 53, instanceAffine: 13, linear: 33, apply: 16 });
  });

  it('DenseNets without copies', () => {
    const found = counts('densenet121_ibn_a');
    expect(found).toEqual({
      maxPool: 1,
      globalMean: 1,
      linear: 1,
      conv: 120,
      avgPool: 3,
      statistics: 1,
      instanceAffine: 14,
    });
  });
});
