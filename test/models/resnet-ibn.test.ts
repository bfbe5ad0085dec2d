import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import {
  arange,
  manualSeed,
  memoryStats,
  noGrad,
  randn,
  runtimeInfo,
  scope,
  setNumThreads,
  type Tensor,
} from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { elements, relativeError } from '../nn/numbers.ts';
import { evalErrors, norm, reference, sum, type TrainReference, weightsHash } from './reference.ts';

const NAMES = models.listModels({ filter: /^resnet\d+_ibn_[ab]$/ });
const TRAINED = ['resnet18_ibn_a', 'resnet18_ibn_b', 'resnet50_ibn_a', 'resnet50_ibn_b'];

const sameCapability = runtimeInfo().cpuCapability === 'AVX512';

const seeded = (name: string): models.ResNet_IBN => {
  manualSeed(0);
  return models.getModel(name);
};

/** Elsewhere rounding differs, and grows through 50 layers and three steps. */
const tolerance = sameCapability
  ? { gradients: 1e-4, losses: [1e-4, 1e-4, 1e-4] }
  : { gradients: 0.05, losses: [1e-4, 1e-3, 0.1] };

beforeEach(() => setNumThreads(1));

describe('item 6: the published models', () => {
  it('are ten', () => {
    expect(NAMES).toHaveLength(10);
  });

  it.each(NAMES)(
    '%s: keys, seeded weights and evaluation match the reference',
    (name) => {
      const want = reference(name);
      const model = seeded(name);
      const state = [...model.stateDict()];
      expect(
        state.map(([key, t]) => (t.dtype === 'float32' ? [key, t.shape] : [key, t.shape, t.dtype])),
      ).toEqual(want.state_dict);
      expect(model.parameters().reduce((total, p) => total + p.numel(), 0)).toBe(want.parameters);
      if (sameCapability) expect(weightsHash(model)).toBe(want.init.sha256_of_all_bytes_in_order);
      for (const [key, value] of Object.entries(want.init.sum)) {
        expect(Math.abs(sum(model.stateDict().get(key) as Tensor) - value)).toBeLessThan(
          1e-4 * Math.max(1, Math.abs(value)),
        );
      }
      const errors = evalErrors(model, want);
      expect(errors.first16).toBeLessThan(1e-5);
      expect(errors.norm).toBeLessThan(1e-5);
      expect(errors.argmax).toEqual(want.eval.argmax);
    },
    60_000,
  );

  it.each(TRAINED)(
    '%s: gradients, running statistics and three SGD steps match the reference',
    (name) => {
      const want = reference(name).train as TrainReference;
      // Rounding grows tenfold and more with each step, so the third loss needs the reference's order of additions.
      setNumThreads(2);
      const model = seeded(name).train();
      const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 });
      manualSeed(2);
      const x = randn([4, 3, 224, 224]);
      const target = arange(4, { dtype: 'int64' }).mul(7);
      const losses: number[] = [];
      for (let step = 0; step < 3; step++) {
        optimizer.zeroGrad();
        const logits = model.forward(x);
        const loss = nn.functional.crossEntropy(logits, target);
        loss.backward();
        losses.push(Number(loss.item()));
        if (step === 0) checkFirstStep(model, logits, want);
        optimizer.step();
      }
      for (const [i, loss] of want.losses.entries()) {
        expect(Math.abs((losses[i] as number) / loss - 1)).toBeLessThan(tolerance.losses[i] as number);
      }
    },
    120_000,
  );
});

function checkFirstStep(model: nn.Module, logits: Tensor, want: TrainReference): void {
  expect(relativeError(elements(logits.narrow(1, 0, 16)), want.logits_first16.flat())).toBeLessThan(1e-5);
  const whole = Math.hypot(...Object.values(want.grad_norm));
  for (const [key, parameter] of model.namedParameters()) {
    const value = want.grad_norm[key] as number;
    // Where the gradient is zero but for rounding (a shift before InstanceNorm), it is compared with the whole.
    expect(Math.abs(norm(parameter.grad as Tensor) - value), key).toBeLessThan(
      tolerance.gradients * Math.max(value, 1e-6 * whole),
    );
  }
  for (const [key, buffer] of model.namedBuffers()) {
    const value = want.buffer_sum_after_forward[key] as number;
    expect(Math.abs(sum(buffer) - value), key).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
  }
}

describe('item 6: ResNet_IBN', () => {
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
    ).toMatchInlineSnapshot(`"RangeError: Expected placements 'a', 'b' or null for ibnCfg, got "e""`);
    expect(message(() => models.resnet18_ibn_a({ stem: 'tiny' as never }))).toMatchInlineSnapshot(
      `"RangeError: Expected stem "imagenet" or "small" for ResNet_IBN, got "tiny""`,
    );
    expect(message(() => models.getModel('resnet50_ibn_c'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?"`,
    );
    expect(message(() => models.getModel('vit'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "vit"; known models: resnet18_ibn_a, resnet18_ibn_b, resnet34_ibn_a, resnet34_ibn_b, resnet50_ibn_a, resnet50_ibn_b, resnet101_ibn_a, resnet101_ibn_b, resnet152_ibn_a, resnet152_ibn_b"`,
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
