import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { noGrad, type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { stateLines } from '../../models/reference.ts';
import { compare, type Figures, published } from './figures.ts';

const FIGURES = published('strong-baseline');
const VARIANTS: Record<string, reid.StrongBaselineOptions> = {
  'resnet50 stride 2, no neck': { backbone: 'resnet50', lastStride: 2, neck: 'no' },
  'resnet18 before': { backbone: 'resnet18', neckFeat: 'before' },
};
// The deeper ones are in strong-baseline.slow.test.ts.
const QUICK = ['resnet18', 'resnet34', 'resnet50', 'se_resnet50', 'se_resnext50', 'resnet50_ibn_a'];

describe('StrongBaseline', () => {
  it.each([...QUICK, ...Object.keys(VARIANTS)])('%s is the published network', (name) => {
    const options = VARIANTS[name] ?? { backbone: name as reid.StrongBaselineBackbone };
    compare(() => new reid.StrongBaseline(options), FIGURES[name] as Figures);
  });

  it('gives scores and the features before the neck in training', () => {
    const model = new reid.StrongBaseline({ backbone: 'resnet18', numClasses: 7 });
    const [scores, features] = model.forward(zeros([2, 3, 64, 32])) as reid.ScoresAndFeatures;
    expect(scores.shape).toEqual([2, 7]);
    expect(features.shape).toEqual([2, 512]);
  });

  it('has IBN-b backbones with the keys of IBN-Net', () => {
    const model = new reid.StrongBaseline({ backbone: 'resnet50_ibn_b' }).eval();
    const keys = stateLines(model);
    expect(keys).toContain('base.layer1.2.IN.weight 256');
    expect(keys).toContain('base.layer2.3.IN.weight 512');
    expect(keys.some((key) => key.startsWith('base.bn1.running_mean'))).toBe(false);
    const features = noGrad(() => model.forward(zeros([1, 3, 64, 32]))) as Tensor;
    expect(features.shape).toEqual([1, 2048]);
  });

  it('refuses unknown backbones and options', () => {
    const build = (options: object) => () => new reid.StrongBaseline(options);
    expect(build({ backbone: 'resnet50_ibn' })).toThrow(
      /Expected one of .* got "resnet50_ibn"; did you mean/,
    );
    expect(build({ neckfeat: 'after' })).toThrow('got "neckfeat"; did you mean neckFeat?');
    expect(build({ lastStride: 3 })).toThrow('Expected one of 1, 2 for StrongBaseline lastStride, got 3');
    expect(build({ numClasses: 0 })).toThrow(
      'Expected a whole number from 1 for StrongBaseline numClasses, got 0',
    );
    expect(build({ numClasses: '751' })).toThrow(TypeError);
  });
});
