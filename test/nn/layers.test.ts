import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, ones, randn, runtimeInfo, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture, type Numbers } from './numbers.ts';

interface LayerCase {
  repr: string;
  input: number[];
  output: Numbers;
  evalOutput: Numbers;
  inputGradient: Numbers;
  gradients: Record<string, Numbers>;
  buffers: Record<string, Numbers>;
  state: [string, number[]][];
}
interface LossCase {
  loss: Numbers;
  gradient: Numbers;
}
const expected = fixture<{ layers: Record<string, LayerCase>; losses: Record<string, LossCase> }>(
  'nn/layers.json',
);

// ATen's plainest code draws normals by another formula than its vector code: Dropout's input differs by 1e-6, a
// convolution's output by 6.3e-6.
const scale = runtimeInfo().cpuCapability === 'DEFAULT' ? 25 : 1;
const [CLOSE, GRADIENT] = [1e-6 * scale, 5e-6 * scale];

const layers: Record<string, () => nn.Module> = {
  Conv2d: () => new nn.Conv2d(3, 4, 3, { stride: 2, padding: 1 }),
  'Conv2d grouped, dilated, no bias': () =>
    new nn.Conv2d(4, 6, [3, 2], { padding: [2, 1], dilation: 2, groups: 2, bias: false }),
  'Conv2d same': () => new nn.Conv2d(2, 3, 4, { padding: 'same' }),
  'Conv2d valid': () => new nn.Conv2d(2, 3, 3, { padding: 'valid' }),
  'Conv2d reflect': () => new nn.Conv2d(2, 3, 3, { padding: 1, paddingMode: 'reflect' }),
  'Conv2d circular same': () => new nn.Conv2d(2, 3, 4, { padding: 'same', paddingMode: 'circular' }),
  BatchNorm1d: () => new nn.BatchNorm1d(5),
  'BatchNorm1d of sequences': () => new nn.BatchNorm1d(5),
  BatchNorm2d: () => new nn.BatchNorm2d(3),
  'BatchNorm2d cumulative': () => new nn.BatchNorm2d(3, { momentum: null }),
  'BatchNorm2d plain': () => new nn.BatchNorm2d(3, { affine: false, trackRunningStats: false }),
  'BatchNorm2d without bias': () => new nn.BatchNorm2d(3, { bias: false, eps: 1e-3 }),
  InstanceNorm2d: () => new nn.InstanceNorm2d(3),
  'InstanceNorm2d affine': () => new nn.InstanceNorm2d(3, { affine: true }),
  'InstanceNorm2d tracking': () => new nn.InstanceNorm2d(3, { trackRunningStats: true }),
  'InstanceNorm2d unbatched': () => new nn.InstanceNorm2d(3),
  Linear: () => new nn.Linear(5, 3),
  'Linear without bias': () => new nn.Linear(5, 3, { bias: false }),
  ReLU: () => new nn.ReLU(),
  Sigmoid: () => new nn.Sigmoid(),
  MaxPool2d: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  'MaxPool2d ceil, dilated': () => new nn.MaxPool2d([2, 3], { dilation: 2, stride: 2, ceilMode: true }),
  AvgPool2d: () => new nn.AvgPool2d(2),
  'AvgPool2d padded': () =>
    new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
  'AvgPool2d divisor': () => new nn.AvgPool2d([2, 3], { divisorOverride: 2 }),
  AdaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d(1),
  'AdaptiveAvgPool2d uneven': () => new nn.AdaptiveAvgPool2d([3, null]),
  AdaptiveMaxPool2d: () => new nn.AdaptiveMaxPool2d([2, 3]),
  Dropout: () => new nn.Dropout(0.3),
  Identity: () => new nn.Identity(),
  Flatten: () => new nn.Flatten(),
  Sequential: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.BatchNorm2d(4),
      new nn.ReLU({ inplace: true }),
      new nn.Flatten(),
      new nn.Linear(36, 2),
    ),
};

describe('nn layers', () => {
  it('has a test for every layer of the fixture', () => {
    expect(Object.keys(layers)).toEqual(Object.keys(expected.layers));
  });

  it.each(Object.keys(layers))('%s matches PyTorch forward, backward and in evaluation', (name) => {
    const want = expected.layers[name] as LayerCase;
    manualSeed(7);
    const module = (layers[name] as () => nn.Module)();
    const x = randn(want.input).requiresGrad_();
    const y: Tensor = module.forward(x);
    expectClose(y, want.output, CLOSE);
    y.mul(randn(y.shape)).sum().backward();
    expectClose(x.grad as Tensor, want.inputGradient, GRADIENT);
    const gradients = module.namedParameters().map(([key]) => key);
    expect(gradients).toEqual(Object.keys(want.gradients));
    for (const [key, parameter] of module.namedParameters()) {
      expectClose(parameter.grad as Tensor, want.gradients[key] as Numbers, GRADIENT);
    }
    expect(module.namedBuffers().map(([key]) => key)).toEqual(Object.keys(want.buffers));
    for (const [key, buffer] of module.namedBuffers())
      expectClose(buffer, want.buffers[key] as Numbers, CLOSE);
    expectClose(module.eval().forward(x.detach().clone()), want.evalOutput, CLOSE);
  });

  it.each(Object.keys(layers))('%s prints and names its state as PyTorch does', (name) => {
    const want = expected.layers[name] as LayerCase;
    const module = (layers[name] as () => nn.Module)();
    expect(module.toString()).toBe(want.repr);
    expect([...module.stateDict()].map(([key, value]) => [key, value.shape])).toEqual(want.state);
  });

  const losses: Record<string, () => nn.CrossEntropyLoss> = {
    plain: () => new nn.CrossEntropyLoss(),
    sum: () => new nn.CrossEntropyLoss({ reduction: 'sum' }),
    none: () => new nn.CrossEntropyLoss({ reduction: 'none' }),
    smoothed: () => new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }),
    ignoring: () => new nn.CrossEntropyLoss({ ignoreIndex: 2 }),
    weighted: () => new nn.CrossEntropyLoss({ weight: tensor([1, 2, 0.5, 1.5]), labelSmoothing: 0.2 }),
  };

  it.each(Object.keys(losses))('CrossEntropyLoss matches PyTorch (%s)', (name) => {
    const want = expected.losses[name] as LossCase;
    manualSeed(3);
    const logits = randn([5, 4]).requiresGrad_();
    const target = tensor([0, 1, 2, 3, 2], { dtype: 'int64' });
    const loss = (losses[name] as () => nn.CrossEntropyLoss)().forward(logits, target);
    expectClose(loss, want.loss, CLOSE);
    loss.sum().backward();
    expectClose(logits.grad as Tensor, want.gradient, CLOSE);
  });

  it('functions of the functional namespace agree with the layers', () => {
    const x = randn([2, 3, 8, 8]);
    const F = nn.functional;
    const conv = new nn.Conv2d(3, 4, 3, { stride: 2, padding: 1 });
    const pairs: [Tensor, Tensor][] = [
      [F.conv2d(x, conv.weight, conv.bias, { stride: 2, padding: 1 }), conv.forward(x)],
      [F.relu(x), new nn.ReLU().forward(x)],
      [F.maxPool2d(x, 3, { stride: 2 }), new nn.MaxPool2d(3, { stride: 2 }).forward(x)],
      [F.avgPool2d(x, 2), new nn.AvgPool2d(2).forward(x)],
      [F.adaptiveAvgPool2d(x, 1), x.mean([2, 3], { keepdim: true })],
      [F.instanceNorm(x), new nn.InstanceNorm2d(3).forward(x)],
      [F.batchNorm(x, { training: true }), new nn.BatchNorm2d(3).forward(x)],
      [F.softmax(x, 1).log(), F.logSoftmax(x, 1)],
      [F.normalize(x).pow(2).sum([1]), ones([2, 8, 8])],
    ];
    for (const [a, b] of pairs) expectClose(a, { shape: b.shape, data: elements(b) }, 1e-5);
  });
});

describe('what layers refuse', () => {
  it('one value per channel in training', () => {
    expect(message(() => new nn.BatchNorm2d(3).forward(randn([1, 3, 1, 1])))).toMatchInlineSnapshot(
      `"RangeError: Expected more than 1 value per channel when training, got input size torch.Size([1, 3, 1, 1])"`,
    );
    expect(message(() => new nn.InstanceNorm2d(3).forward(randn([2, 3, 1, 1])))).toMatchInlineSnapshot(
      `"RangeError: Expected more than 1 spatial element when training, got input size torch.Size([2, 3, 1, 1])"`,
    );
    expect(new nn.BatchNorm2d(3).eval().forward(randn([1, 3, 1, 1])).shape).toEqual([1, 3, 1, 1]);
  });

  it('inputs of other shapes', () => {
    expect(message(() => new nn.BatchNorm2d(3).forward(randn([1, 3, 4])))).toMatchInlineSnapshot(
      `"RangeError: Expected 4D input for BatchNorm2d, got 3D input; a network takes batches: give one image as x.unsqueeze(0), (1, C, H, W)"`,
    );
    expect(message(() => new nn.BatchNorm1d(3).forward(randn([1, 3, 4, 4])))).toMatchInlineSnapshot(
      `"RangeError: Expected 2D or 3D input for BatchNorm1d, got 4D input"`,
    );
    expect(message(() => new nn.InstanceNorm2d(3).forward(randn([3, 4])))).toMatchInlineSnapshot(
      `"RangeError: Expected 3D or 4D input for InstanceNorm2d, got 2D [3, 4]"`,
    );
    expect(
      message(() => new nn.InstanceNorm2d(3, { affine: true }).forward(randn([1, 4, 3, 3]))),
    ).toMatchInlineSnapshot(`"RangeError: Expected 3 channels in dimension 1 for InstanceNorm2d, got 4"`);
  });

  it('wrong arguments', () => {
    const conv = (options: nn.Conv2dOptions) => message(() => new nn.Conv2d(4, 4, 3, options));
    expect(conv({ strid: 2 } as never)).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for Conv2d, got "strid"; did you mean stride?"`,
    );
    expect(conv({ colour: 2 } as never)).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for Conv2d, got "colour"; known options: stride, padding, dilation, groups, bias, paddingMode, device, dtype"`,
    );
    expect(conv({ groups: 3 })).toMatchInlineSnapshot(
      `"RangeError: Expected Conv2d inChannels to be divisible by groups, got 4 and 3"`,
    );
    expect(conv({ padding: 'full' as never })).toMatchInlineSnapshot(
      `"RangeError: Expected "same", "valid" or numbers for Conv2d padding, got "full""`,
    );
    expect(conv({ padding: 'same', stride: 2 })).toMatchInlineSnapshot(
      `"RangeError: Expected stride 1 for Conv2d with padding "same", got (2, 2)"`,
    );
    expect(conv({ stride: 0 })).toMatchInlineSnapshot(
      `"RangeError: Expected a whole number of at least 1, or two in an array, for Conv2d stride, got 0"`,
    );
    expect(conv({ paddingMode: 'mirror' as never })).toMatchInlineSnapshot(
      `"RangeError: Expected "zeros", "reflect", "replicate", "circular" for Conv2d paddingMode, got "mirror""`,
    );
    expect(message(() => new nn.Conv2d(4, 4, 3, 2 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected an options object for Conv2d, got number"`,
    );
    expect(message(() => new nn.Linear('4' as never, 4))).toMatchInlineSnapshot(
      `"TypeError: Expected a whole number of at least 0 for Linear inFeatures, got "4""`,
    );
    expect(message(() => new nn.Dropout(1.5))).toMatchInlineSnapshot(
      `"RangeError: Expected a probability from 0 to 1 for Dropout p, got 1.5"`,
    );
    expect(message(() => new nn.CrossEntropyLoss({ reduction: 'avg' as never }))).toMatchInlineSnapshot(
      `"RangeError: Expected reduction "none", "mean" or "sum" for CrossEntropyLoss, got "avg""`,
    );
    expect(message(() => new nn.BatchNorm2d(3, { tracking: true } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for BatchNorm2d, got "tracking"; known options: eps, momentum, affine, bias, trackRunningStats, device, dtype"`,
    );
  });
});
