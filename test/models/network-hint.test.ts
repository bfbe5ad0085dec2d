import { describe, expect, it } from 'vitest';
import { models, nn, type Tensor, zeros } from '../../lib/index.ts';
import { networkTitle } from '../../lib/models/title.ts';
import type { StateDictError } from '../../lib/nn/loading/state-dict.ts';
import { errorOf, message } from '../helpers/index.ts';

type State = Map<string, Tensor>;

const build = (name: string, options: object = {}) =>
  nn.utils.skipInit(() => models.getModel(name, options as models.ModelOptions));
const stateOf = (name: string, options?: object): State => new Map(build(name, options).stateDict());
const prefixed = (state: State, prefix: string): State =>
  new Map([...state].map(([key, value]) => [prefix + key, value]));

describe('a checkpoint of another network', () => {
  it('is refused in few lines: equal sizes together, the network that the file is of, and the way out', () => {
    const file = stateOf('resnet18', { stem: 'small', numClasses: 10 });
    const text = message(() => build('resnet50').loadStateDict(file));
    expect(text.split('\n').length).toBeLessThan(12);
    expect(text.replace(/(Missing|Unexpected) key.*/g, '$1 ...')).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for ResNet_IBN:
      	Missing ...
      	size mismatch for 4 keys such as layer2.0.downsample.1.weight: shape torch.Size([128]) in the checkpoint, torch.Size([512]) in the current model.
      	size mismatch for 4 keys such as layer3.0.downsample.1.weight: shape torch.Size([256]) in the checkpoint, torch.Size([1024]) in the current model.
      	size mismatch for 4 keys such as layer4.0.downsample.1.weight: shape torch.Size([512]) in the checkpoint, torch.Size([2048]) in the current model.
      	size mismatch for conv1.weight: copying a param with shape torch.Size([64, 3, 3, 3]) from checkpoint, the shape in current model is torch.Size([64, 3, 7, 7]).
      	size mismatch for layer1.0.conv1.weight: copying a param with shape torch.Size([64, 64, 3, 3]) from checkpoint, the shape in current model is torch.Size([64, 64, 1, 1]).
      	size mismatch for 12 more of 26 keys.
      The file looks like a ResNet-18 with a 3x3 stem and 10 classes: build models.resnet18({ stem: 'small', numClasses: 10 })"
    `);
  });

  it('keeps every key in the fields of the error', () => {
    const file = stateOf('resnet18', { stem: 'small', numClasses: 10 });
    const error = errorOf(() => build('resnet50').loadStateDict(file)) as StateDictError;
    expect([error.missingKeys.length, error.mismatchedKeys.length]).toEqual([165, 26]);
  });

  const hints: [title: string, file: () => State, into: () => nn.Module][] = [
    ['of another depth', () => stateOf('resnet34'), () => build('resnet18')],
    [
      'with another stem',
      () => stateOf('resnet18', { stem: 'small', numClasses: 10 }),
      () => build('resnet18'),
    ],
    [
      'without IBN, of another stem',
      () => stateOf('resnet18', { stem: 'small', numClasses: 10 }),
      () => build('resnet18_ibn_a'),
    ],
    [
      'without IBN, of other classes',
      () => stateOf('resnet18', { numClasses: 10 }),
      () => build('resnet18_ibn_a'),
    ],
    ['with IBN', () => stateOf('resnet50_ibn_b', { numClasses: 7 }), () => build('resnet50_ibn_a')],
    [
      'with SE and a prefix',
      () => prefixed(stateOf('se_resnet50_ibn_a'), 'module.backbone.'),
      () => build('densenet121'),
    ],
    [
      'with another head',
      () =>
        new Map([...stateOf('resnext50_ibn_a')].filter(([key]) => !key.startsWith('fc.'))).set(
          'heads.weight',
          zeros([9, 2048]),
        ),
      () => build('resnet50_ibn_a'),
    ],
    ['of one channel', () => stateOf('densenet121_ibn_a', { inChannels: 1 }), () => build('resnet18')],
  ];

  it.each(hints)('names it: %s', (_, file, into) => {
    const text = message(() => into().loadStateDict(file()));
    expect(text.split('\n').at(-1)).toMatchSnapshot();
  });

  it('gets no advice where the file is of this network, or of none that is known', () => {
    const file = stateOf('resnet18').set('layer1.0.conv1.weight', zeros([1]));
    expect(message(() => build('resnet18').loadStateDict(file))).not.toContain('looks like');
    const own = new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 4));
    expect(message(() => own.loadStateDict({ '0.weight': zeros([9, 9]) }))).not.toContain('looks like');
  });
});

describe('titles of models', () => {
  it('are what people call them', () => {
    const names = ['resnet18', 'resnet50_ibn_a', 'se_resnet101', 'resnext50_32x4d', 'resnext101_ibn_a', 'x'];
    expect([...names, 'densenet121_ibn_a'].map(networkTitle)).toEqual([
      ...['ResNet-18', 'ResNet-50-IBN-a', 'SE-ResNet-101', 'ResNeXt-50 32x4d'],
      ...['ResNeXt-101-IBN-a 32x4d', 'x', 'DenseNet-121-IBN-a'],
    ]);
  });
});
