import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { memoryStats, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';

const SMALL = { widths: [4, 8, 16, 32], numClasses: 3 } as const;

beforeEach(() => setNumThreads(1));

describe('summary', () => {
  it.each([
    ['resnet50_ibn_a', 4110.48],
    ['resnet101_ibn_a', 7830.48],
    ['resnet50_ibn_b', 4112.89],
    ['resnext101_ibn_a', 8003.45],
    ['densenet121_ibn_a', 2872.13],
    ['densenet169_ibn_a', 3403.89],
  ])('%s has the published %dM multiply-accumulates', (name, published) => {
    const model = nn.utils.skipInit(() => models.getModel(name));
    expect(models.summary(model, [1, 3, 224, 224]).publishedMacs / 1e6).toBeCloseTo(published, 2);
  });

  it('prints a table', () => {
    const info = models.summary(
      models.se_resnet50_ibn_a({ ...SMALL, ibnCfg: ['a', null, null, null] }),
      [2, 3, 64, 64],
    );
    const text = String(info).split('\n');
    expect([...text.slice(0, 26), '...', ...text.slice(-6)].join('\n')).toMatchInlineSnapshot(`
      "Layer                          Output shape     Parameters  Mult-adds
      ---------------------------------------------------------------------
      SEResNet_IBN                   [2, 3]                   --         --
        Conv2d (conv1)               [2, 4, 32, 32]          588  1,204,224
        BatchNorm2d (bn1)            [2, 4, 32, 32]            8         --
        ReLU (relu)                  [2, 4, 32, 32]           --         --
        MaxPool2d (maxpool)          [2, 4, 16, 16]           --         --
        Sequential (layer1)          [2, 16, 16, 16]          --         --
          SEBottleneck_IBN (0)       [2, 16, 16, 16]          --         --
            Conv2d (conv1)           [2, 4, 16, 16]           16      8,192
            IBN (bn1)                [2, 4, 16, 16]            8         --
            Conv2d (conv2)           [2, 4, 16, 16]          144     73,728
            BatchNorm2d (bn2)        [2, 4, 16, 16]            8         --
            Conv2d (conv3)           [2, 16, 16, 16]          64     32,768
            BatchNorm2d (bn3)        [2, 16, 16, 16]          32         --
            ReLU (relu)              [2, 16, 16, 16]          --         --
            SELayer (se)             [2, 16, 16, 16]          32         64
            Sequential (downsample)  [2, 16, 16, 16]          96     32,768
          SEBottleneck_IBN (1)       [2, 16, 16, 16]          --         --
            Conv2d (conv1)           [2, 4, 16, 16]           64     32,768
            IBN (bn1)                [2, 4, 16, 16]            8         --
            Conv2d (conv2)           [2, 4, 16, 16]          144     73,728
            BatchNorm2d (bn2)        [2, 4, 16, 16]            8         --
            Conv2d (conv3)           [2, 16, 16, 16]          64     32,768
            BatchNorm2d (bn3)        [2, 16, 16, 16]          32         --
            ReLU (relu)              [2, 16, 16, 16]          --         --
      ...
        GlobalAvgPool2d (avgpool)    [2, 128, 1, 1]           --         --
        Linear (fc)                  [2, 3]                  387        768
      ---------------------------------------------------------------------
      Parameters: 105,703 (105,703 trainable)
      Mult-adds: 3.76M (4.02M as published tables count)
      Input: [2, 3, 64, 64]"
    `);
    expect(
      String(models.summary(models.resnet18_ibn_b(SMALL), [1, 3, 64, 64], { depth: 1 })),
    ).toMatchInlineSnapshot(`
      "Layer                        Output shape    Parameters  Mult-adds
      ------------------------------------------------------------------
      ResNet_IBN                   [1, 3]                  --         --
        Conv2d (conv1)             [1, 4, 32, 32]         588    602,112
        InstanceNorm2d (bn1)       [1, 4, 32, 32]           8         --
        ReLU (relu)                [1, 4, 32, 32]          --         --
        MaxPool2d (maxpool)        [1, 4, 16, 16]          --         --
        Sequential (layer1)        [1, 4, 16, 16]         616    147,456
        Sequential (layer2)        [1, 8, 8, 8]         2,144    131,072
        Sequential (layer3)        [1, 16, 4, 4]        8,352    131,072
        Sequential (layer4)        [1, 32, 2, 2]       33,088    131,072
        GlobalAvgPool2d (avgpool)  [1, 32, 1, 1]           --         --
        Linear (fc)                [1, 3]                  99         96
      ------------------------------------------------------------------
      Parameters: 44,895 (44,895 trainable)
      Mult-adds: 1.14M (1.18M as published tables count)
      Input: [1, 3, 64, 64]"
    `);
  });

  it('counts by hand', () => {
    const net = new nn.Sequential(
      new nn.Conv2d(4, 6, 3, { groups: 2, bias: false }),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(96, 5),
    );
    const { macs, publishedMacs, parameters, layers } = models.summary(net, [2, 4, 6, 6]);
    expect(parameters).toBe(6 * 2 * 9 + 96 * 5 + 5);
    // 2 images, 4x4 positions, 9 taps, 2 input channels a group, 6 outputs; then 96x5.
    expect(macs).toBe(2 * (16 * 9 * 2 * 6 + 96 * 5));
    expect(2 * publishedMacs).toBe(2 * (2 * 16 * 9 - 1) * 12 + 2 * 96 + 2 * 2 * 96 * 5);
    expect(layers.map(({ name, outputShape }) => [name, outputShape])).toEqual([
      ['', [2, 5]],
      ['0', [2, 6, 4, 4]],
      ['1', [2, 6, 4, 4]],
      ['2', [2, 96]],
      ['3', [2, 5]],
    ]);
  });

  it('leaves the model as it was: mode, hooks, statistics, memory', () => {
    const model = models.resnet18_ibn_a(SMALL).train();
    model.layer1.eval();
    const before = memoryStats().tensors;
    models.summary(model, [1, 3, 64, 64]);
    // What functions between modules made goes with the garbage collector.
    expect(memoryStats().tensors - before).toBeLessThan(40);
    expect([model.training, model.layer1.training, model.layer2.get(0).training]).toEqual([
      true,
      false,
      true,
    ]);
    expect(Number((model.bn1 as nn.BatchNorm2d).num_batches_tracked?.item())).toBe(0);
    let calls = 0;
    model.fc.registerForwardHook(() => void calls++);
    const broken = new (class extends nn.Module {
      inner = model;
      forward(x: Tensor): Tensor {
        this.inner.forward(x);
        throw new Error('half way');
      }
    })();
    expect(() => models.summary(broken, [1, 3, 64, 64])).toThrow('half way');
    expect([calls, model.training]).toEqual([1, true]);
  });
});
