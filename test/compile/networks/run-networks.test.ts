import { beforeAll, describe, expect, it } from 'vitest';
import * as models from '../../../lib/models/index.ts';
import { setNumThreads, type Tensor } from '../../../lib/tensor/index.ts';
import { EVERYDAY, sizeFor } from '../../helpers/networks.ts';
import { largestError } from './run-networks.ts';

beforeAll(() => setNumThreads(2));

describe('compiled networks agree with eager', () => {
  it.each(EVERYDAY)('%s', async (name) => {
    expect(await largestError(() => models.getModel(name), {}, sizeFor(name))).toBeLessThan(1e-4);
  });

  it.each([33, 75, 224])('resnet18_ibn_a on images of %i pixels', async (size) => {
    expect(await largestError(() => models.getModel('resnet18_ibn_a'), {}, size)).toBeLessThan(1e-4);
  });

  it.each(['resnet50_ibn_a', 'densenet121_ibn_a', 'se_resnet50_ibn_a', 'resnext50_ibn_a'])(
    '%s in bfloat16, to its precision',
    async (name) => {
      expect(await largestError(() => models.getModel(name), { dtype: 'bfloat16' })).toBeLessThan(0.1);
    },
  );

  it('networks that give several tensors', async () => {
    const make = () =>
      models.createFeatureExtractor(
        models.resnet18_ibn_a() as never,
        ['layer1', 'layer3.0', 'layer4'] as never,
      );
    expect(await largestError(make)).toBeLessThan(1e-4);
  });

  it('networks with ops that libtorch runs', async () => {
    const make = () => {
      const model = models.resnet18_ibn_a();
      const { forward } = model;
      model.forward = (x: Tensor) => forward(x).erf();
      return model;
    };
    expect(await largestError(make, { unsupported: 'eager' })).toBeLessThan(1e-4);
  });
});
