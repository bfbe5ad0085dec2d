import { beforeAll, describe, expect, it } from 'vitest';
import { type CompileOptions, compile } from '../../lib/compile/index.ts';
import * as models from '../../lib/models/index.ts';
import type * as nn from '../../lib/nn/index.ts';
import { manualSeed, noGrad, randn, scope, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { disposeModel, prepared, relativeError } from '../helpers/plans.ts';

beforeAll(() => setNumThreads(2));

/** The largest relative error of any output, for 1 and for 3 images. */
async function largestError(
  make: () => nn.Module,
  options: Partial<CompileOptions> = {},
  size = 64,
): Promise<number> {
  // In some random networks rounding grows until eager itself is further than this from float64.
  manualSeed(0);
  const model = prepared(make());
  const fast = await compile(model, {
    inputs: [[1, 3, size, size]],
    threads: 2,
    keepWeights: false,
    ...options,
  });
  const x = randn([3, 3, size, size]);
  const errors: number[] = [];
  for (const images of [x, x.narrow(0, 1, 1)]) {
    const got = tensorsOf(await fast.run(images));
    const want = tensorsOf(noGrad(() => model.forward(images)));
    expect(Object.keys(got)).toEqual(Object.keys(want));
    scope(() => {
      for (const [name, y] of Object.entries(want)) errors.push(relativeError(got[name] as Tensor, y));
    });
    for (const tensor of [...Object.values(got), ...Object.values(want), images]) tensor.dispose();
  }
  x.dispose();
  fast.dispose();
  disposeModel(model);
  return Math.max(...errors);
}

function tensorsOf(result: Tensor | Record<string, Tensor>): Record<string, Tensor> {
  return 'numel' in result ? { output: result as Tensor } : result;
}

describe('item 6: compiled networks agree with eager', () => {
  it.each(models.listModels())('%s', async (name) => {
    // The deeper ones on smaller images: what differs between them is how often blocks repeat.
    const size = /1[0-9][0-9]|201/.test(name) ? 32 : 64;
    expect(await largestError(() => models.getModel(name), {}, size)).toBeLessThan(1e-4);
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
