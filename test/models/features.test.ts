import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import {
  equal,
  manualSeed,
  memoryStats,
  noGrad,
  randn,
  setNumThreads,
  type Tensor,
} from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';

const SMALL = { widths: [4, 8, 16, 32], numClasses: 5 } as const;
const DENSE = { growthRate: 4, numInitFeatures: 8, blockConfig: [2, 3, 4, 2], numClasses: 5 } as const;

beforeEach(() => setNumThreads(1));

describe('createFeatureExtractor', () => {
  it('gives the named stages, as the model computes them', () => {
    const model = models.resnet18_ibn_a(SMALL).eval();
    const backbone = models.createFeatureExtractor(model, ['layer4', 'layer1']);
    const x = randn([2, 3, 64, 32]);
    const seen: Tensor[] = [];
    const hooks = [model.layer1, model.layer4].map((stage) =>
      stage.registerForwardHook((_, __, output) => void seen.push(output)),
    );
    noGrad(() => model.forward(x));
    for (const hook of hooks) hook.remove();
    const features = noGrad(() => backbone.forward(x));
    expect(Object.keys(features)).toEqual(['layer4', 'layer1']);
    expect([features.layer1, features.layer4].map((map, i) => equal(map, seen[i] as Tensor))).toEqual([
      true,
      true,
    ]);
    expect(backbone.featureInfo).toEqual([
      { name: 'layer4', channels: 32, reduction: 32 },
      { name: 'layer1', channels: 4, reduction: 4 },
    ]);
  });

  it('says channels and reduction of every stage as they are', () => {
    for (const model of [
      models.resnet50_ibn_b(SMALL),
      models.resnext50_ibn_a({ ...SMALL, cardinality: 4, baseWidth: 16 }),
      models.densenet121_ibn_a(DENSE),
    ]) {
      const names = model.featureInfo.map(({ name }) => name);
      const maps = noGrad(() => models.createFeatureExtractor(model, names).forward(randn([2, 3, 64, 96])));
      for (const { name, channels, reduction } of model.featureInfo) {
        expect(maps[name]?.shape, name).toEqual([2, channels, 64 / reduction, 96 / reduction]);
      }
    }
  });

  it('gives residual blocks too, and all stages by default', () => {
    const model = models.resnet18(SMALL);
    const x = randn([2, 3, 64, 64]);
    const blocks = models.createFeatureExtractor(model, ['layer2.0', 'layer3.1', 'layer3']);
    const maps = blocks.forward(x);
    expect(maps['layer2.0'].shape).toEqual([2, 8, 8, 8]);
    expect(equal(maps['layer3.1'], maps.layer3)).toBe(true);
    expect(blocks.featureInfo[0]).toEqual({ name: 'layer2.0', channels: 8, reduction: 8 });
    const stages = models.createFeatureExtractor(model);
    expect(Object.keys(stages.forward(x))).toEqual(['layer1', 'layer2', 'layer3', 'layer4']);
  });

  it('leaves out what comes later, keeps the keys and shares the weights', () => {
    const model = models.densenet121_ibn_a(DENSE);
    const backbone = models.createFeatureExtractor(model, ['features.denseblock2']);
    const keys = [...backbone.stateDict().keys()];
    const all = [...model.stateDict().keys()];
    expect(keys).toEqual(all.slice(0, keys.length));
    expect(keys.at(-1)).toBe('features.denseblock2.denselayer3.conv2.weight');
    expect(backbone.parameters().every((p) => model.parameters().includes(p))).toBe(true);
    expect(models.createFeatureExtractor(models.resnet18(SMALL), ['layer3.0']).toString()).not.toContain(
      '(1): BasicBlock_IBN(\n      (conv1): Conv2d(16',
    );
  });

  it('trains, and frees what it does not give', () => {
    const model = models.resnet18_ibn_a(SMALL);
    const backbone = models.createFeatureExtractor(model, ['layer1', 'layer3']);
    const { layer1, layer3 } = backbone.forward(randn([2, 3, 64, 64]));
    layer1.sum().add(layer3.square().sum()).backward();
    expect(model.layer3.parameters().every((p) => p.grad !== null)).toBe(true);
    expect(model.layer4.parameters().every((p) => p.grad === null)).toBe(true);
    const x = randn([1, 3, 64, 64]);
    backbone.eval();
    const before = memoryStats().tensors;
    const maps = noGrad(() => backbone.forward(x));
    expect(memoryStats().tensors).toBe(before + Object.keys(maps).length);
    expect(x.disposed).toBe(false);
  });

  it('names the stages for others', () => {
    manualSeed(0);
    const model = models.resnet18(SMALL);
    expect(message(() => models.createFeatureExtractor(model, ['layer5']))).toMatchInlineSnapshot(
      `"RangeError: Expected a stage or a residual block for createFeatureExtractor, got "layer5"; stages: relu, layer1, layer2, layer3, layer4"`,
    );
    expect(message(() => models.createFeatureExtractor(model, ['layer1.0.conv1']))).toMatchInlineSnapshot(
      `"RangeError: Expected a stage or a residual block for createFeatureExtractor, got "layer1.0.conv1"; stages: relu, layer1, layer2, layer3, layer4"`,
    );
    expect(message(() => models.createFeatureExtractor(model, []))).toMatchInlineSnapshot(
      `"RangeError: Expected at least one name for createFeatureExtractor, got none"`,
    );
  });

  it('has the mode of its model, and changes it for both', () => {
    const model = models.resnet18_ibn_a({ widths: [4, 8, 16, 32] }).eval();
    const backbone = models.createFeatureExtractor(model, ['layer1', 'layer3.0']);
    expect(backbone.modules().filter(({ training }) => training)).toEqual([]);
    expect(
      backbone
        .train()
        .modules()
        .every(({ training }) => training),
    ).toBe(true);
    expect(model.layer1.training).toBe(true);
    expect(models.createFeatureExtractor(model.train()).training).toBe(true);
  });
});
