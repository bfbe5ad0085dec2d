import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import { arange, memoryStats, noGrad, randn, scope, setNumThreads } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { elements } from '../nn/numbers.ts';
import { seeded } from './reference.ts';

beforeEach(() => setNumThreads(1));

describe('ResNet_IBN', () => {
  it('averages the whole map: as AvgPool2d(7) at 224, and at other sizes too', () => {
    const model = seeded('resnet18_ibn_a').eval();
    const x = randn([2, 3, 224, 224]);
    const adaptive = noGrad(() => model.forward(x));
    model.avgpool = new nn.AvgPool2d(7);
    const fixed = noGrad(() => model.forward(x));
    expect(elements(adaptive)).toEqual(elements(fixed));
    expect(() => model.forward(randn([1, 3, 192, 192]))).toThrow();
    model.avgpool = new models.GlobalAvgPool2d();
    expect(noGrad(() => model.forward(randn([1, 3, 256, 128]))).shape).toEqual([1, 1000]);
  });

  it('draws the same convolutions for a and b under one seed', () => {
    const [a, b] = [seeded('resnet18_ibn_a'), seeded('resnet18_ibn_b')];
    expect(elements(a.fc.weight).slice(0, 8)).toEqual(elements(b.fc.weight).slice(0, 8));
  });

  it('frees its temporaries in evaluation', () => {
    const model = seeded('resnet18_ibn_b').eval();
    const x = randn([1, 3, 64, 64]);
    const before = memoryStats().tensors;
    const y = noGrad(() => model.forward(x));
    expect(memoryStats().tensors).toBe(before + 1);
    expect(y.disposed).toBe(false);
  });

  it('leaves nothing behind after a training step', () => {
    const model = models.resnet18_ibn_a({
      inChannels: 1,
      numClasses: 10,
      stem: 'small',
      widths: [4, 8, 16, 32],
    });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = (): number => {
      scope(() => {
        optimizer.zeroGrad();
        const loss = nn.functional.crossEntropy(model.forward(randn([4, 1, 28, 28])), arange(4));
        loss.backward();
        optimizer.step();
      });
      optimizer.zeroGrad();
      return memoryStats().tensors;
    };
    step();
    const after = step();
    for (let i = 0; i < 3; i++) expect(step()).toBeLessThanOrEqual(after);
  });

  it('has options for small images, other inputs and classes', () => {
    const model = models.resnet18_ibn_a({
      inChannels: 1,
      numClasses: 10,
      stem: 'small',
      widths: [8, 16, 32, 64],
    });
    const x = randn([4, 1, 28, 28]);
    const y = model.forward(x);
    expect(y.shape).toEqual([4, 10]);
    y.sum().backward();
    expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
    expect(model.stateDict().get('layer4.1.conv2.weight')?.shape).toEqual([64, 64, 3, 3]);
    const placed = models.resnet18_ibn_a({ ibnCfg: ['a', null, 'b', null], ratio: 0.25 });
    expect(placed.stateDict().get('layer1.0.bn1.IN.weight')?.shape).toEqual([16]);
    expect(placed.stateDict().has('layer3.1.IN.weight')).toBe(true);
    expect(placed.stateDict().has('layer3.0.IN.weight')).toBe(false);
  });

  it('prints with the names of the published code', () => {
    const text = models.resnet18_ibn_b({ widths: [4, 8, 16, 32], numClasses: 3 }).toString();
    expect(text.slice(0, text.indexOf('  (layer2)'))).toMatchInlineSnapshot(`
      "ResNet_IBN(
        (conv1): Conv2d(3, 4, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
        (bn1): InstanceNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
        (relu): ReLU(inplace=True)
        (maxpool): MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)
        (layer1): Sequential(
          (0): BasicBlock_IBN(
            (conv1): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
            (bn1): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
            (relu): ReLU(inplace=True)
            (conv2): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
            (bn2): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
          )
          (1): BasicBlock_IBN(
            (conv1): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
            (bn1): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
            (relu): ReLU(inplace=True)
            (conv2): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
            (bn2): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
            (IN): InstanceNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
          )
        )
      "
    `);
  });

  it('refuses what it does not know', () => {
    expect(message(() => models.resnet50_ibn_a({ num_classes: 10 } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for resnet50_ibn_a, got "num_classes"; did you mean numClasses?"`,
    );
    expect(
      message(() => models.resnet50_ibn_a({ ibnCfg: ['a', 'e', null, null] as never })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected placements 'a', 'b', 'c', 'd', 'ad', 'aa' or null for ibnCfg, got "e""`,
    );
    expect(message(() => models.resnet18_ibn_a({ stem: 'tiny' as never }))).toMatchInlineSnapshot(
      `"RangeError: Expected stem "imagenet" or "small" for ResNet_IBN, got "tiny""`,
    );
    expect(message(() => models.getModel('resnet50_ibn_c'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?"`,
    );
    expect(message(() => models.getModel('vit'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "vit"; known models: densenet121, densenet121_ibn_a, densenet161, densenet161_ibn_a, densenet169, densenet169_ibn_a, densenet201, densenet201_ibn_a, resnet18, resnet18_ibn_a, resnet18_ibn_b, resnet34, resnet34_ibn_a, resnet34_ibn_b, resnet50, resnet50_ibn_a, resnet50_ibn_b, resnet101, resnet101_ibn_a, resnet101_ibn_b, resnet152, resnet152_ibn_a, resnet152_ibn_b, resnext50_32x4d, resnext50_ibn_a, resnext101_32x4d, resnext101_ibn_a, resnext152_32x4d, resnext152_ibn_a, se_resnet50, se_resnet50_ibn_a, se_resnet101, se_resnet101_ibn_a, se_resnet152, se_resnet152_ibn_a"`,
    );
  });

  it('asks the hub for pretrained weights', () => {
    const small = { widths: [4, 8, 16, 32] as const, pretrained: true };
    expect(message(() => models.resnet18_ibn_a(small))).toMatchInlineSnapshot(
      `"RangeError: Expected pretrained to be false for resnet18_ibn_a, got true; load a checkpoint with model.loadStateDict(load(path))"`,
    );
    models.setPretrainedLoader((name, model) => {
      expect([name, model.constructor.name]).toEqual(['resnet18_ibn_a', 'ResNet_IBN']);
    });
    expect(models.resnet18_ibn_a(small)).toBeInstanceOf(models.ResNet_IBN);
    models.setPretrainedLoader(undefined);
  });
});
