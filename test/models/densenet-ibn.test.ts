import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { cat, equal, manualSeed, noGrad, randn, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { elements, relativeError } from '../nn/numbers.ts';
import { norm } from './reference.ts';

const SMALL = { growthRate: 4, numInitFeatures: 8, blockConfig: [2, 4, 2, 2], numClasses: 5 } as const;

beforeEach(() => setNumThreads(1));

describe('DenseIBN', () => {
  it('normalises the first channels by batch and the last by instance', () => {
    const layer = new models.DenseIBN(10, 0.4);
    const x = randn([3, 10, 4, 5]);
    const parts = [
      new nn.BatchNorm2d(6).forward(x.narrow(1, 0, 6)),
      new nn.InstanceNorm2d(4).forward(x.narrow(1, 6, 4)),
    ];
    expect(relativeError(elements(layer.forward(x)), elements(cat(parts, 1)))).toBeLessThan(1e-6);
    expect([...layer.stateDict().keys()].map((key) => key.split('.')[0])).toEqual([
      ...Array(5).fill('BN'),
      ...Array(2).fill('IN'),
    ]);
  });

  it.each([
    [64, 38, 26],
    [320, 192, 128],
    [1824, 1094, 730],
    [1968, 1180, 788],
  ])('splits %i channels as the published network: %i and %i', (planes, batch, instance) => {
    const layer = new models.DenseIBN(planes);
    expect([layer.BN?.numFeatures, layer.IN?.numFeatures]).toEqual([batch, instance]);
  });

  it('takes every ratio', () => {
    const sizes = (ratio: number) => {
      const { BN, IN } = new models.DenseIBN(8, ratio);
      return [BN?.numFeatures, IN?.numFeatures];
    };
    expect([0, 0.75, 1].map(sizes)).toEqual([
      [8, undefined],
      [2, 6],
      [undefined, 8],
    ]);
    expect(new models.DenseIBN(8, 1).forward(randn([2, 8, 3, 3])).shape).toEqual([2, 8, 3, 3]);
    expect(message(() => new models.DenseIBN(8, -1))).toMatchInlineSnapshot(
      `"RangeError: Expected a ratio from 0 to 1 for DenseIBN, got -1"`,
    );
  });
});

describe('DenseNet_IBN', () => {
  it('has IBN in every third layer of the first three blocks', () => {
    const model = nn.utils.skipInit(() => models.densenet121_ibn_a());
    const found = model.namedModules().filter(([, module]) => module instanceof models.DenseIBN);
    const layers = [
      [6, 1],
      [12, 2],
      [24, 3],
    ].flatMap(([count = 0, block]) =>
      Array.from({ length: count / 3 }, (_, i) => `features.denseblock${block}.denselayer${3 * i + 1}.norm1`),
    );
    expect(found.map(([name]) => name)).toEqual(layers);
  });

  it('averages the whole map: as a 7x7 window at 224, and at other sizes too', () => {
    const model = models.densenet121_ibn_a(SMALL).eval();
    const x = randn([1, 3, 224, 224]);
    const whole = noGrad(() => model.forward(x));
    model.avgpool = new nn.AvgPool2d(7, { stride: 1 });
    expect(
      equal(
        whole,
        noGrad(() => model.forward(x)),
      ),
    ).toBe(true);
    model.avgpool = new models.GlobalAvgPool2d();
    expect(noGrad(() => model.forward(randn([1, 3, 256, 128]))).shape).toEqual([1, 5]);
  });

  it('drops out in training only', () => {
    const model = models.densenet121({ ...SMALL, dropRate: 0.5 });
    const x = randn([2, 3, 64, 64]);
    const twice = () => [model.forward(x), model.forward(x)] as [Tensor, Tensor];
    expect(equal(...twice())).toBe(false);
    model.eval();
    expect(equal(...twice())).toBe(true);
  });

  it('trains without NaN, with its options', () => {
    const model = models.densenet121_ibn_a({
      ...SMALL,
      inChannels: 1,
      bnSize: 2,
      ratio: 0.75,
      ibnCfg: ['a', null, null, 'a'],
    });
    model
      .forward(randn([2, 1, 64, 64]))
      .square()
      .sum()
      .backward();
    expect(model.parameters().every((p) => Number.isFinite(norm(p.grad as Tensor)))).toBe(true);
    expect(model.stateDict().get('features.denseblock4.denselayer1.norm1.IN.weight')?.shape).toEqual([8]);
    expect(
      message(() => models.densenet121_ibn_a({ ibnCfg: ['b', null, null, null] as never })),
    ).toMatchInlineSnapshot(`"RangeError: Expected placements 'a' or null for ibnCfg, got "b""`);
    expect(message(() => models.densenet121({ outputStride: 8 } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for densenet121, got "outputStride"; known options: growthRate, blockConfig, numInitFeatures, bnSize, dropRate, numClasses, inChannels, ibnCfg, ratio, avgpool, pretrained"`,
    );
  });

  it("loads torchvision's files, whose keys are of the old kind", () => {
    manualSeed(0);
    const source = models.densenet121(SMALL);
    const old = new Map<string, Tensor>();
    for (const [key, tensor] of source.stateDict()) {
      if (!key.endsWith('num_batches_tracked'))
        old.set(key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2'), tensor);
    }
    expect([...old.keys()]).toContain('features.denseblock1.denselayer1.norm.1.running_mean');
    const target = models.densenet121(SMALL);
    const { missingKeys, unexpectedKeys } = target.loadStateDict(old);
    expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
    const x = randn([1, 3, 64, 64]);
    const [want, got] = [source, target].map((model) => noGrad(() => model.eval().forward(x)));
    expect(equal(want as Tensor, got as Tensor)).toBe(true);
  });
});
