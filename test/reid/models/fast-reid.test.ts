import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { arange, full, ones, Tensor, zeros } from '../../../lib/tensor/index.ts';
import { elements } from '../../nn/numbers.ts';
import { isDeep, VARIANTS } from './fast-reid-variants.ts';
import { compare, type Figures, published } from './figures.ts';

const FIGURES = published('fast-reid');

describe('FastReID', () => {
  it('is compared in every configuration that Python wrote', () => {
    expect(Object.keys(VARIANTS).sort()).toEqual(Object.keys(FIGURES).sort());
  });

  // The deeper ones are in fast-reid.slow.test.ts.
  it.each(Object.keys(VARIANTS).filter((name) => !isDeep(name)))('%s is the published network', (name) => {
    compare(VARIANTS[name] as () => reid.FastReID, FIGURES[name] as Figures, 255);
  });

  it('gives scores, their margins and features in training', () => {
    const options = { depth: '18x', numClasses: 7, clsLayer: 'ArcSoftmax', scale: 16, margin: 0.2 } as const;
    const model = reid.bagtricks(options);
    const outputs = model.forward(ones([2, 3, 64, 32]).mul(100), arange(2)) as reid.HeadOutputs;
    expect(outputs.clsOutputs.shape).toEqual([2, 7]);
    expect(outputs.predClassLogits.shape).toEqual([2, 7]);
    expect(outputs.features.shape).toEqual([2, 512]);
    expect(elements(outputs.clsOutputs)[0]).not.toBe(elements(outputs.predClassLogits)[0]);
    expect(() => model.forward(full([2, 3, 64, 32], 100))).toThrow(
      'Expected targets for EmbeddingHead with ArcSoftmax',
    );
  });

  it('does not change the images that it is given, which the published network does', () => {
    const images = full([2, 3, 64, 32], 100);
    reid.bagtricks({ depth: '18x' }).eval().forward(images);
    expect(images.eq(100).all().item()).toBe(true);
  });

  it('refuses images that were normalised before, in evaluation and in training', () => {
    const model = reid.bagtricks({ depth: '18x' });
    const pixels = full([2, 3, 64, 32], 100);
    const normalised = pixels.sub(123.675).div(58.395);
    const refusal = /^Expected pixels from 0 to 255 for FastReID, which takes mean and deviation off itself/;
    for (const mode of [model.train(), model.eval()]) {
      expect(() => mode.forward(normalised)).toThrow(refusal);
      expect(() => mode.forward(pixels.div(255))).toThrow(refusal);
      mode.forward(pixels);
    }
    expect(() => reid.mgn().eval().forward(normalised)).toThrow('for MGN, which takes');
  });

  it('takes black images', () => {
    expect(
      reid
        .bagtricks({ depth: '18x' })
        .eval()
        .forward(zeros([1, 3, 64, 32])),
    ).toBeInstanceOf(Tensor);
  });

  it('says how high images must be for the bands of MGN', () => {
    const model = reid.mgn().eval();
    expect(() => model.forward(full([1, 3, 64, 32], 100))).toThrow(
      'Expected images whose last map has 3 bands of rows',
    );
  });

  it('refuses options that a backbone would not read, and unknown values', () => {
    const build = (options: object) => () => reid.bagtricks(options);
    expect(build({ depth: '50' })).toThrow('for FastReID depth of a resnet, got "50"; did you mean 50x?');
    expect(build({ backbone: 'osnet', withSe: true })).toThrow(
      'Expected no withSe for FastReID with a backbone "osnet"',
    );
    expect(build({ backbone: 'resnext', depth: '152x', withNl: true })).toThrow(RangeError);
    expect(build({ poolLayer: 'gem' })).toThrow('Expected one of "Identity"');
    expect(build({ withIbn: 'yes' })).toThrow('Expected one of true, false for FastReID withIbn, got "yes"');
    expect(build({ pixelMean: [0.5, 0.5] })).toThrow(
      'Expected three numbers for FastReID pixelMean, got [0.5, 0.5]',
    );
    expect(build({ with_ibn: true })).toThrow('did you mean withIbn?');
    expect(() => reid.mgn({ depth: '18x' })).toThrow(
      'Expected one of "50x", "101x" for MGN depth, got "18x"',
    );
  });
});

describe('GeM pooling', () => {
  it('learns its exponent', () => {
    const pool = new reid.GeneralizedMeanPoolingP();
    const pooled: Tensor = pool.forward(arange(16).view([1, 1, 4, 4]).to('float32').add(1));
    pooled.sum().backward();
    const grad = pool.parameters()[0]?.grad as Tensor;
    expect(elements(grad)[0]).toBeGreaterThan(0.1);
    expect(elements(pooled)[0]).toBeCloseTo(
      Math.cbrt([...Array(16).keys()].reduce((s, i) => s + (i + 1) ** 3, 0) / 16),
      4,
    );
  });
});
