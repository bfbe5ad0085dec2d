import { describe, expect, it, vi } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { empty, memoryStats, ones, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements } from './numbers.ts';

const linearState = () => ({ weight: ones([3, 2]), bias: ones([3]) });

function errorOf(fn: () => unknown): nn.StateDictError {
  try {
    fn();
  } catch (error) {
    return error as nn.StateDictError;
  }
  throw new Error('nothing was thrown');
}

describe('loadStateDict', () => {
  it('copies a Map or an object and says what it loaded', () => {
    const fc = new nn.Linear(2, 3);
    const { weight } = fc;
    expect(fc.loadStateDict(linearState())).toEqual({
      loaded: ['weight', 'bias'],
      missingKeys: [],
      unexpectedKeys: [],
    });
    expect(fc.weight).toBe(weight);
    expect(elements(weight)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(weight.requiresGrad).toBe(true);
    const other = new nn.Linear(2, 3);
    other.loadStateDict(fc.stateDict());
    expect(elements(other.weight)).toEqual(elements(weight));
  });

  it('converts the dtype of what it copies', () => {
    const fc = new nn.Linear(2, 3);
    fc.loadStateDict({ weight: ones([3, 2], { dtype: 'float16' }), bias: ones([3], { dtype: 'float64' }) });
    expect(fc.weight.dtype).toBe('float32');
    expect(elements(fc.weight)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('takes the tensors themselves with assign', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
    net.requiresGrad_(false);
    const state = new Map<string, Tensor>(net.stateDict());
    const weight = ones([3, 2], { dtype: 'float64' });
    state.set('0.weight', weight);
    net.loadStateDict(state, { assign: true });
    const fc = net[0] as nn.Linear;
    weight.fill_(4);
    expect(fc.weight).toBeInstanceOf(nn.Parameter);
    expect([fc.weight.dtype, fc.weight.requiresGrad]).toEqual(['float64', false]);
    weight.dispose();
    expect(elements(fc.weight)).toEqual([4, 4, 4, 4, 4, 4]);
  });

  it('keeps the parameter objects with assign, so that optimizers go on', () => {
    const fc = new nn.Linear(2, 3);
    const { weight } = fc;
    const state = linearState();
    fc.loadStateDict(state, { assign: true });
    expect(fc.weight).toBe(weight);
    expect(weight.untypedStorage().dataPtr()).toBe(state.weight.untypedStorage().dataPtr());
    state.weight.dispose();
    fc.forward(ones([1, 2]))
      .sum()
      .backward();
    expect(elements(weight.grad as Tensor)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('takes what is alike and copies the rest with assign: compatible', () => {
    const fc = new nn.Linear(2, 3);
    const state = { weight: ones([3, 2], { dtype: 'float64' }), bias: ones([3]) };
    fc.loadStateDict(state, { assign: 'compatible' });
    expect([fc.weight.dtype, elements(fc.weight)]).toEqual(['float32', [1, 1, 1, 1, 1, 1]]);
    expect(fc.bias?.untypedStorage().dataPtr()).toBe(state.bias.untypedStorage().dataPtr());
    const conv = new nn.Conv2d(2, 2, 2, { bias: false }).to({ memoryFormat: 'channels_last' });
    conv.loadStateDict({ weight: ones([2, 2, 2, 2]) }, { assign: 'compatible' });
    expect(conv.weight.isContiguous('channels_last')).toBe(true);
    const meta = new nn.Linear(2, 3, { device: 'meta' });
    meta.loadStateDict(linearState(), { assign: 'compatible' });
    expect(meta.weight.device).toBe('cpu');
  });

  it('refuses missing and unexpected keys in the words of PyTorch', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
    expect(
      message(() => net.loadStateDict({ '0.weight': ones([3, 2]), '0.extra': ones([1]), head: ones([1]) })),
    ).toMatchInlineSnapshot(`
        "CheckpointError: Error(s) in loading state_dict for Sequential:
        	Missing key(s) in state_dict: "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var". 
        	Unexpected key(s) in state_dict: "head", "0.extra". "
      `);
  });

  it('names sizes and kinds that do not fit', () => {
    const fc = new nn.Linear(2, 3);
    const state = { weight: zeros([2, 2]), bias: 3, x: zeros([1]) };
    expect(message(() => fc.loadStateDict(state))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	Unexpected key(s) in state_dict: "x". 
      	size mismatch for weight: copying a param with shape torch.Size([2, 2]) from checkpoint, the shape in current model is torch.Size([3, 2]).
      	While copying the parameter named "bias", expected a Tensor from checkpoint but received number"
    `);
    const error = errorOf(() => fc.loadStateDict(state, { strict: false }));
    expect(error.mismatchedKeys).toEqual(['weight', 'bias']);
    expect(error.code).toBe('ERR_CHECKPOINT_UNEXPECTED_KEY');
  });

  it('changes nothing when it fails', () => {
    const fc = new nn.Linear(2, 3);
    const before = elements(fc.weight);
    expect(() => fc.loadStateDict({ weight: ones([3, 2]), bias: zeros([4]) })).toThrow();
    expect(elements(fc.weight)).toEqual(before);
  });

  it('goes on without strict and reports the rest', () => {
    const fc = new nn.Linear(2, 3);
    const result = fc.loadStateDict({ weight: ones([3, 2]), head: ones([1]) }, { strict: false });
    expect(result).toEqual({ loaded: ['weight'], missingKeys: ['bias'], unexpectedKeys: ['head'] });
    expect(message(() => fc.loadStateDict({ head: ones([1]) }, { strict: false }))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	None of its 2 keys is in the state dict, which has "head""
    `);
    expect(message(() => fc.loadStateDict({}, { strict: false }))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	None of its 2 keys is in the state dict, which has no keys"
    `);
  });

  it('says which prefix to strip, and strips it', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3));
    const state = { 'module.0.weight': ones([3, 2]), 'module.0.bias': ones([3]) };
    expect(message(() => net.loadStateDict(state))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Sequential:
      	Missing key(s) in state_dict: "0.weight", "0.bias". 
      	Unexpected key(s) in state_dict: "module.0.weight", "module.0.bias". 
      Keys begin with "module.": pass { stripPrefix: 'module.' }"
    `);
    expect(net.loadStateDict(state, { stripPrefix: 'module.' }).loaded).toEqual(['0.weight', '0.bias']);
    expect(message(() => net.loadStateDict(linearState()))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Sequential:
      	Missing key(s) in state_dict: "0.weight", "0.bias". 
      	Unexpected key(s) in state_dict: "weight", "bias". 
      Keys lack the prefix "0.": load into getSubmodule('0')"
    `);
    expect(
      message(() => net.loadStateDict({ ...state, '0.bias': ones([3]) }, { stripPrefix: 'module.' })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected distinct keys after stripPrefix "module.", got "0.bias" twice"`,
    );
  });

  it.each(['module.', 'base.', 'backbone.', 'module.base.'])('finds the prefix %s by itself', (prefix) => {
    const net = new nn.Sequential(new nn.Linear(2, 3));
    const state = Object.fromEntries(
      Object.entries(linearState()).map(([key, value]) => [`${prefix}0.${key}`, value]),
    );
    expect(
      net.loadStateDict({ ...state, 'head.weight': ones([1]) }, { stripPrefix: 'auto', strict: false }),
    ).toEqual({
      loaded: ['0.weight', '0.bias'],
      missingKeys: [],
      unexpectedKeys: ['head.weight'],
      strippedPrefix: prefix,
    });
  });

  it('auto leaves keys alone that fit as they are, and says nothing was stripped', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.Linear(2, 3)));
    const state = net.stateDict();
    const result = net.loadStateDict(state, { stripPrefix: 'auto' });
    expect([result.loaded.length, 'strippedPrefix' in result]).toEqual([4, false]);
    expect(() => net.loadStateDict({ other: ones([1]) }, { stripPrefix: 'auto', strict: false })).toThrow(
      'None of its 4 keys is in the state dict, which has "other"',
    );
  });

  it('keeps a head of another size on request, and suggests it', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 5));
    const old = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 7)).stateDict();
    const head = elements((net[1] as nn.Linear).weight);
    expect(message(() => net.loadStateDict(old))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Sequential:
      	size mismatch for 1.weight: copying a param with shape torch.Size([7, 2]) from checkpoint, the shape in current model is torch.Size([5, 2]).
      	size mismatch for 1.bias: copying a param with shape torch.Size([7]) from checkpoint, the shape in current model is torch.Size([5]).
      Only "1." differs, as with another number of classes: pass { ignoreMismatched: ['1.'] } to keep the module's own"
    `);
    expect(net.loadStateDict(old, { ignoreMismatched: ['1.'] })).toEqual({
      loaded: ['0.weight', '0.bias'],
      missingKeys: [],
      unexpectedKeys: [],
      mismatchedKeys: ['1.weight', '1.bias'],
    });
    expect(elements((net[1] as nn.Linear).weight)).toEqual(head);
    expect(net.loadStateDict(old, { ignoreMismatched: true }).mismatchedKeys).toHaveLength(2);
    expect(() => net.loadStateDict(old, { ignoreMismatched: ['0.'] })).toThrow('size mismatch for 1.weight');
    const others = new nn.Linear(9, 9).stateDict();
    expect(
      message(() => new nn.Linear(2, 3).loadStateDict(others, { ignoreMismatched: true })),
    ).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	None of its 2 keys has the shape it has in the state dict"
    `);
  });

  it('divides plain norms among IN and BN on request, and suggests it', () => {
    const state = new nn.Sequential(new nn.BatchNorm2d(4)).stateDict();
    for (const [key, value] of state)
      if (value.dim() === 1) value.copy_(tensor([1, 2, 3, 4]).add(key.length));
    const net = new nn.Sequential(new models.IBN(4));
    expect(message(() => net.loadStateDict(state))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Sequential:
      	Missing key(s) in state_dict: "0.IN.weight", "0.IN.bias", "0.BN.weight", "0.BN.bias", "0.BN.running_mean", "0.BN.running_var". 
      	Unexpected key(s) in state_dict: "0.weight", "0.bias", "0.running_mean", "0.running_var", "0.num_batches_tracked". 
      The file has plain norms where the module has IBN: pass { splitNorms: true }"
    `);
    const before = memoryStats().tensors;
    const { loaded, missingKeys, unexpectedKeys } = net.loadStateDict(state, { splitNorms: true });
    expect(memoryStats().tensors).toBe(before);
    expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
    expect(loaded).toEqual([
      '0.IN.weight',
      '0.IN.bias',
      '0.BN.weight',
      '0.BN.bias',
      '0.BN.running_mean',
      '0.BN.running_var',
      '0.BN.num_batches_tracked',
    ]);
    const { IN, BN } = net[0] as models.IBN;
    expect([IN?.weight, BN?.weight, BN?.running_var].map((part) => elements(part as Tensor))).toEqual([
      [9, 10],
      [11, 12],
      [16, 17],
    ]);
  });

  it('divides all the norms of a network, also behind a prefix and into views', () => {
    const plain = models.resnet18().stateDict();
    const state = new Map([...plain].map(([key, value]) => [`module.${key}`, value]));
    const model = models.resnet18_ibn_a({ numClasses: 7 });
    const result = model.loadStateDict(state, {
      stripPrefix: 'auto',
      splitNorms: true,
      ignoreMismatched: ['fc.'],
      assign: true,
    });
    expect([result.strippedPrefix, result.mismatchedKeys]).toEqual(['module.', ['fc.weight', 'fc.bias']]);
    expect([result.missingKeys, result.unexpectedKeys]).toEqual([[], []]);
  });

  it('points into training checkpoints', () => {
    const fc = new nn.Linear(2, 3);
    expect(message(() => fc.loadStateDict({ epoch: 3, state_dict: linearState() }))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	Missing key(s) in state_dict: "weight", "bias". 
      	Unexpected key(s) in state_dict: "epoch", "state_dict". 
      The weights are under "state_dict": pass checkpoint.state_dict"
    `);
  });

  it('shortens long lists in the message and has all keys in the error', () => {
    const net = new nn.Sequential(...Array.from({ length: 30 }, () => new nn.Linear(1, 1)));
    const error = errorOf(() => net.loadStateDict({ other: ones([1]) }));
    expect(error.message).toMatchInlineSnapshot(`
      "Error(s) in loading state_dict for Sequential:
      	Missing key(s) in state_dict: "0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias", "4.weight", "4.bias", "5.weight", "5.bias", "6.weight", "6.bias", "7.weight", "7.bias", "8.weight", "8.bias", "9.weight", "9.bias", ... (+40). 
      	Unexpected key(s) in state_dict: "other". "
    `);
    expect(error.missingKeys).toHaveLength(60);
    expect([error.code, error.key]).toEqual(['ERR_CHECKPOINT_MISSING_KEY', '0.weight']);
  });

  it('refuses what is no state dict, and unknown options', () => {
    const fc = new nn.Linear(2, 3);
    expect(message(() => fc.loadStateDict(ones([1]) as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Map or object of tensors for loadStateDict, got a value of class Tensor"`,
    );
    expect(message(() => fc.loadStateDict(null as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Map or object of tensors for loadStateDict, got null"`,
    );
    expect(message(() => fc.loadStateDict(linearState(), { stric: false } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for loadStateDict, got "stric"; did you mean strict?"`,
    );
  });

  it('accepts files from before num_batches_tracked, and only those', () => {
    const bn = new nn.BatchNorm2d(2);
    const state = new Map<string, Tensor>(bn.stateDict());
    state.delete('num_batches_tracked');
    expect(bn.loadStateDict(state).missingKeys).toEqual([]);
    const old = Object.assign(new Map(state), { _metadata: new Map([['', { version: 1 }]]) });
    expect(bn.loadStateDict(old).loaded).toEqual(['weight', 'bias', 'running_mean', 'running_var']);
    const recent = Object.assign(new Map(state), { _metadata: { '': { version: 2 } } });
    expect(message(() => bn.loadStateDict(recent))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for BatchNorm2d:
      	Missing key(s) in state_dict: "num_batches_tracked". "
    `);
  });

  it('drops stale running statistics of InstanceNorm with one warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const norm = () => new nn.InstanceNorm2d(2, { affine: true });
    const net = new nn.Sequential(norm(), norm());
    const state: Record<string, Tensor> = {};
    for (const i of [0, 1]) {
      state[`${i}.weight`] = ones([2]);
      state[`${i}.bias`] = ones([2]);
      state[`${i}.running_mean`] = zeros([2]);
      state[`${i}.running_var`] = ones([2]);
    }
    const result = net.loadStateDict(state);
    expect(result.droppedKeys).toEqual([
      '0.running_mean',
      '0.running_var',
      '1.running_mean',
      '1.running_var',
    ]);
    expect([result.loaded.length, result.unexpectedKeys]).toEqual([4, []]);
    expect(warn.mock.calls).toEqual([
      [
        'loadStateDict for Sequential: dropped "0.running_mean" (+3), running statistics of a file from before ' +
          'PyTorch 0.4 that instance normalisation no longer keeps',
        { code: 'IBN_STALE_STATISTICS' },
      ],
    ]);
    warn.mockRestore();
    const recent = Object.assign(new Map(Object.entries(state)), {
      _metadata: { 0: { version: 2 }, 1: { version: 2 } },
    });
    expect(() => net.loadStateDict(recent)).toThrow('Unexpected key(s) in state_dict: "0.running_mean"');
  });

  it('reads one-element vectors of old files into scalars', () => {
    const bn = new nn.BatchNorm2d(2);
    const state = new Map<string, Tensor>(bn.stateDict());
    state.set('num_batches_tracked', tensor([7], { dtype: 'int64' }));
    bn.loadStateDict(state);
    expect(Number(bn.num_batches_tracked?.item())).toBe(7);
  });

  it('fills meta modules by assign only', () => {
    const fc = new nn.Linear(2, 3, { device: 'meta' });
    expect(fc.weight.device).toBe('meta');
    expect(message(() => fc.loadStateDict(linearState()))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Linear:
      	for weight: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, which is a no-op. Pass { assign: true }
      	for bias: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, which is a no-op. Pass { assign: true }"
    `);
    fc.loadStateDict(linearState(), { assign: true });
    expect(fc.forward(ones([1, 2])).toArray()).toEqual([[3, 3, 3]]);
    expect(empty([1], { device: 'meta' }).device).toBe('meta');
  });
});
