import { describe, expect, it } from 'vitest';
import { compile } from '../../../lib/compile/index.ts';
import type { Module } from '../../../lib/nn/index.ts';
import * as reid from '../../../lib/reid/index.ts';
import { LoadedReID } from '../../../lib/reid/models/loaded.ts';
import { manualSeed, noGrad, type Tensor } from '../../../lib/tensor/index.ts';
import { elements, relativeError } from '../../nn/numbers.ts';
import { disturb, noise } from './figures.ts';

const padded = { depth: '18x', maxPool: 'padded' } as const;
type Case = readonly [build: () => Module, unsupported?: 'eager'];
const CASES: Record<string, Case> = {
  'strong-baseline/resnet18': [() => new reid.StrongBaseline({ backbone: 'resnet18' })],
  'strong-baseline/resnet50_ibn_a': [() => new reid.StrongBaseline({ backbone: 'resnet50_ibn_a' })],
  'strong-baseline/se_resnet50': [() => new reid.StrongBaseline({ backbone: 'se_resnet50' })],
  osnet_x0_25: [() => reid.osnet_x0_25()],
  osnet_ain_x0_25: [() => reid.osnet_ain_x0_25()],
  'fast-reid padded': [() => reid.bagtricks(padded)],
  'fast-reid GeM': [() => reid.bagtricks({ ...padded, poolLayer: 'GeneralizedMeanPooling' })],
  'fast-reid GeM-P': [() => reid.bagtricks({ ...padded, poolLayer: 'GeneralizedMeanPoolingP' })],
  'fast-reid max': [() => reid.bagtricks({ ...padded, poolLayer: 'GlobalMaxPool' })],
  'fast-reid mean and max': [() => reid.bagtricks({ ...padded, poolLayer: 'AdaptiveAvgMaxPool' })],
  'fast-reid clipped mean': [() => reid.bagtricks({ ...padded, poolLayer: 'ClipGlobalAvgPool' })],
  'fast-reid embedding': [() => reid.bagtricks({ ...padded, embeddingDim: 64 })],
  'fast-reid SBS': [() => reid.sbs({ withIbn: true, maxPool: 'padded' })],
  'fast-reid ceil_mode': [() => reid.bagtricks({ depth: '18x' })],
  'fast-reid SBS, ceil_mode': [() => reid.sbs({ withIbn: true })],
};

const isFastReID = (model: Module): boolean => model instanceof reid.FastReID;

function weighted(build: () => Module): Module {
  manualSeed(0);
  const model = build();
  disturb(model);
  return model.eval();
}

describe('compile', () => {
  it.each(Object.entries(CASES))('gives the features of %s', async (_, [build, unsupported]) => {
    const model = weighted(build);
    const images = noise(isFastReID(model) ? 255 : 1);
    const want = noGrad(() => model.forward(images)) as Tensor;
    const options = unsupported === undefined ? {} : { unsupported };
    const fast = await compile(model, { inputs: [[1, 3, 64, 32]], ...options });
    const got = (await fast.run(images)) as Tensor;
    expect(relativeError(elements(got), elements(want))).toBeLessThan(1e-5);
    await fast.close();
  });

  it('runs in extract, flip test included', async () => {
    const model = weighted(() => reid.osnet_x0_25());
    const loaded = new LoadedReID({
      ...{ model, layout: 'torchreid', name: 'osnet_x0_25', options: {}, assumed: [], prefix: '' },
      ...{ numClasses: 1000, unusedKeys: [], size: [64, 32] },
    });
    const images = noise(255).to('uint8');
    const compiled = await compile(model, { inputs: [[1, 3, 64, 32]] });
    const options = { flip: true, normalize: true } as const;
    const got = await reid.extract(loaded, images, { ...options, compiled });
    const want = await reid.extract(loaded, images, options);
    expect(relativeError(elements(got), elements(want))).toBeLessThan(1e-5);
    await compiled.close();
  });
});
