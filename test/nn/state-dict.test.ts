import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { empty, ones, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
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

describe('item 5: loadStateDict', () => {
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

  it('refuses stale running statistics of InstanceNorm in the words of PyTorch', () => {
    const net = new nn.Sequential(new nn.InstanceNorm2d(2, { affine: true }));
    const state: Record<string, Tensor> = { '0.weight': ones([2]), '0.bias': ones([2]) };
    state['0.running_mean'] = zeros([2]);
    state['0.running_var'] = ones([2]);
    expect(message(() => net.loadStateDict(state))).toMatchInlineSnapshot(`
      "CheckpointError: Error(s) in loading state_dict for Sequential:
      	Unexpected running stats buffer(s) "0.running_mean" and "0.running_var" for InstanceNorm2d with track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because InstanceNorm2d does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, instead set track_running_stats=True in InstanceNorm2d to enable them. See the documentation of InstanceNorm2d for details."
    `);
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
