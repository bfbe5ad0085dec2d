import { describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { norm } from './reference.ts';

const total = (name: string): number =>
  nn.utils
    .skipInit(() => models.getModel(name))
    .parameters()
    .reduce((sum, p) => sum + p.numel(), 0);

describe('the registry', () => {
  it('lists every model, sorted, by name and by weights', () => {
    expect(models.listModels({ filter: /^(?!.*ibn)/ })).toEqual([
      'densenet121',
      'densenet161',
      'densenet169',
      'densenet201',
      'resnet18',
      'resnet34',
      'resnet50',
      'resnet101',
      'resnet152',
      'resnext50_32x4d',
      'resnext101_32x4d',
      'resnext152_32x4d',
      'se_resnet50',
      'se_resnet101',
      'se_resnet152',
    ]);
    expect(models.listModels({ filter: 'ibn' })).toHaveLength(20);
    expect(models.listModels({ pretrained: true })).toEqual([
      'densenet121_ibn_a',
      'densenet169_ibn_a',
      'resnet18_ibn_a',
      'resnet18_ibn_b',
      'resnet34_ibn_a',
      'resnet34_ibn_b',
      'resnet50_ibn_a',
      'resnet50_ibn_b',
      'resnet101_ibn_a',
      'resnet101_ibn_b',
      'resnext101_ibn_a',
      'se_resnet101_ibn_a',
    ]);
    expect(models.listModels({ pretrained: false, filter: 'densenet201' })).toHaveLength(2);
    // A global pattern keeps its place between calls.
    expect(models.listModels({ filter: /_b$/g })).toHaveLength(5);
  });

  it('has the parameters that the published networks have', () => {
    const names = models.listModels({ filter: /ibn_a$/ });
    const plain = (name: string) => name.replace('_ibn_a', name.startsWith('resnext') ? '_32x4d' : '');
    // IBN-a moves scales and shifts between two norms; it adds none.
    for (const name of names) expect(total(plain(name)), name).toBe(total(name));
    expect(total('se_resnet152')).toBe(66_770_984);
  });

  it('knows the class by the name', () => {
    const build = { widths: [4, 4, 4, 4] } as const;
    const resnet: models.ResNet_IBN = models.getModel('resnet18', build);
    const resnext: models.ResNeXt_IBN = models.getModel('resnext50_ibn_a', {
      ...build,
      cardinality: 1,
      baseWidth: 64,
    });
    const se: models.SEResNet_IBN = models.getModel('se_resnet50', build);
    expect(resnet.layer1.get(0)).toBeInstanceOf(models.BasicBlock_IBN);
    expect(resnext.maxpool1).toBeInstanceOf(nn.MaxPool2d);
    expect(se.layer1.get(0)).toBeInstanceOf(models.SEBottleneck_IBN);
    // @ts-expect-error ResNets have no growth rate
    expect(() => models.getModel('resnet18', { growthRate: 12 })).toThrow('growthRate');
  });

  it('draws the same weights with and without IBN', () => {
    const weights = (name: 'se_resnet50' | 'se_resnet50_ibn_a') => {
      manualSeed(0);
      const state = models.getModel(name, { widths: [4, 8, 16, 32], numClasses: 2 }).stateDict();
      return [...state].filter(([key]) => /conv|se|fc/.test(key)).map(([key, t]) => `${key} ${norm(t)}`);
    };
    expect(weights('se_resnet50')).toEqual(weights('se_resnet50_ibn_a'));
  });

  it('suggests near names', () => {
    const unknown = (name: string) => message(() => models.getModel(name));
    expect(unknown('resnet50_ibn_c')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?"`,
    );
    expect(unknown('densenet121_ibn_b')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "densenet121_ibn_b"; did you mean densenet121_ibn_a?"`,
    );
    expect(unknown('seresnet50')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "seresnet50"; did you mean se_resnet50?"`,
    );
    expect(unknown('resnet5')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet5"; did you mean resnet50, resnet50_ibn_a or resnet50_ibn_b?"`,
    );
    expect(unknown('resnext50')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnext50"; did you mean resnext50_32x4d or resnext50_ibn_a?"`,
    );
    expect(unknown('ResNet50')).toMatchInlineSnapshot(
      `"RangeError: Unknown model "ResNet50"; did you mean resnet50?"`,
    );
    expect(message(() => models.listModels({ pretrain: true } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for listModels, got "pretrain"; did you mean pretrained?"`,
    );
  });
});

describe('the published weights', () => {
  it('are twelve, each with its hash, preprocessing and classes', () => {
    expect(Object.keys(models.publishedWeights)).toHaveLength(12);
    for (const [name, { file, sha256Prefix, baseUrl, preprocessing, classes }] of Object.entries(
      models.publishedWeights,
    )) {
      expect(models.listModels()).toContain(name);
      expect(file).toBe(`${name}-${sha256Prefix}.pth`);
      expect(sha256Prefix).toMatch(/^[0-9a-f]{8}$/);
      expect(baseUrl).toBe(models.RELEASE_URL);
      expect(preprocessing).toMatchObject({ resize: 256, crop: 224, interpolation: 'bilinear' });
      expect(classes).toBe('imagenet1k');
    }
  });

  it("give the README's error and, where it differs, the released file's", () => {
    const { resnet50_ibn_a, resnet18_ibn_b } = models.publishedWeights;
    expect(resnet50_ibn_a?.error).toEqual({ top1: 22.54, top5: 6.32 });
    expect(resnet50_ibn_a?.releasedError).toEqual({ top1: 22.76, top5: 6.41 });
    expect(resnet18_ibn_b).toMatchObject({ error: null, releasedError: null });
  });
});
