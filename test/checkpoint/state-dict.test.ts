import { describe, expect, it } from 'vitest';
import { commonPrefix, load, metadataOf, stateDictOf, stripPrefix } from '../../lib/checkpoint/index.ts';
import { tensor } from '../../lib/tensor/index.ts';
import { fixturePath } from './fake-backend.ts';

const weight = tensor([1]);

describe('state dicts in checkpoints', () => {
  it('a published training checkpoint', () => {
    const stateDict = stateDictOf(load(fixturePath('training.zip.pth')));
    expect([...stateDict.keys()].slice(0, 3)).toEqual(['0.weight', '0.bias', '1.weight']);
    expect(metadataOf(stateDict)?.get('1')).toEqual(Object.assign(Object.create(null), { version: 2 }));
  });

  it.each(['state_dict', 'model', 'model_state_dict', 'net'])('under "%s"', (name) => {
    expect(stateDictOf({ epoch: 1, [name]: { w: weight } })).toEqual(new Map([['w', weight]]));
    expect(stateDictOf(new Map([[name, new Map([['w', weight]])]]))).toEqual(new Map([['w', weight]]));
  });

  it('a state dict by itself, as Map or object', () => {
    expect(stateDictOf(new Map([['w', weight]])).get('w')).toBe(weight);
    expect(stateDictOf({ w: weight }).get('w')).toBe(weight);
  });

  it.each([
    [{ epoch: 1, args: {} }, 'got the keys epoch, args'],
    [{}, 'got the keys '],
    [weight, 'got a tensor'],
    [[weight], 'got an array'],
    [3, 'got number'],
    [new Map([[Object.freeze([1]), 2]]), 'got the keys ?'],
  ])('nothing found is an error that tells what is there', (value, expected) => {
    expect(() => stateDictOf(value)).toThrow(
      'Expected a Map or object of tensors, by itself or under "state_dict", "model", "model_state_dict", ' +
        `"net", "network", "weights", "ema", ${expected}`,
    );
  });

  it('stripPrefix takes the prefix from keys and metadata', () => {
    const stateDict = new Map([
      ['module.conv.weight', 1],
      ['epoch', 2],
    ]);
    Object.assign(stateDict, {
      _metadata: new Map([
        ['', 'outer'],
        ['module', 'root'],
        ['module.conv', 'conv'],
      ]),
    });
    const stripped = stripPrefix(stateDict, 'module.');
    expect([...stripped]).toEqual([
      ['conv.weight', 1],
      ['epoch', 2],
    ]);
    expect([...(metadataOf(stripped) ?? [])]).toEqual([
      ['', 'root'],
      ['conv', 'conv'],
    ]);
  });

  it('stripPrefix does not lose entries', () => {
    const stateDict = new Map([
      ['module.w', 1],
      ['w', 2],
    ]);
    expect(() => stripPrefix(stateDict, 'module.')).toThrow(
      'Expected distinct keys without "module." for stripPrefix, got "w" twice',
    );
  });

  it.each([
    [['module.conv1.weight', 'module.bn1.weight'], 'module.'],
    [['module.base.conv1.weight', 'module.base.conv2.weight'], 'module.base.'],
    [['conv1.weight', 'bn1.weight'], ''],
    [['only.weight'], ''],
    [[], ''],
  ])('commonPrefix of %j is "%s"', (keys, expected) => {
    expect(commonPrefix(keys)).toBe(expected);
  });
});
