import { describe, expect, it } from 'vitest';
import {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
  tensor,
} from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

describe('grad modes', () => {
  const x = () => tensor([1, 2], { requiresGrad: true });

  it(
    'noGrad records nothing and enableGrad inside records again',
    withScope(() => {
      expect(noGrad(() => x().mul(2).requiresGrad)).toBe(false);
      expect(noGrad(() => enableGrad(() => x().mul(2).requiresGrad))).toBe(true);
      expect(noGrad(() => noGrad(() => isGradEnabled()) || isGradEnabled())).toBe(false);
      expect(isGradEnabled()).toBe(true);
    }),
  );

  it(
    'noGrad lets leaves change in place',
    withScope(() => {
      const weight = x();
      noGrad(() => weight.sub_(1));
      expect([weight.toArray(), weight.requiresGrad]).toEqual([[0, 1], true]);
    }),
  );

  it('the mode comes back after an exception', () => {
    const fail = () => {
      throw new Error('inside');
    };
    expect(() => noGrad(fail)).toThrow('inside');
    expect(() => inferenceMode(fail)).toThrow('inside');
    expect([isGradEnabled(), isInferenceModeEnabled()]).toEqual([true, false]);
  });

  it('setGradEnabled lasts until it is called again', () => {
    setGradEnabled(false);
    expect(isGradEnabled()).toBe(false);
    setGradEnabled(true);
    expect(isGradEnabled()).toBe(true);
  });

  it(
    'inference tensors cannot take part in autograd outside',
    withScope(() => {
      const made = inferenceMode(() => {
        expect([isInferenceModeEnabled(), isGradEnabled()]).toEqual([true, false]);
        return tensor([1, 2]).mul(2);
      });
      expect(made.toArray()).toEqual([2, 4]);
      expect(message(() => made.requiresGrad_())).toMatchInlineSnapshot(
        `"TorchError: Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."`,
      );
      expect(message(() => x().mul(made))).toMatchInlineSnapshot(
        `"TorchError: aten::mul.Tensor: Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use \`torch.no_grad()\` instead of \`torch.inference_mode()\`."`,
      );
      expect(x().mul(made.clone()).requiresGrad).toBe(true);
      expect(message(() => made.add_(1))).toMatchInlineSnapshot(
        `"TorchError: aten::add_.Tensor: Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."`,
      );
      // As in PyTorch the refused addition took place: the version is checked after it.
      expect(inferenceMode(() => made.add_(1).toArray())).toEqual([4, 6]);
    }),
  );

  it('modes nest', () => {
    const states: boolean[] = [];
    inferenceMode(() => {
      noGrad(() => states.push(isInferenceModeEnabled(), isGradEnabled()));
      inferenceMode(() => states.push(isInferenceModeEnabled()));
      states.push(isInferenceModeEnabled());
    });
    expect(states).toEqual([true, false, true, true]);
  });

  it('asynchronous functions are refused', () => {
    for (const mode of [noGrad, enableGrad, inferenceMode]) {
      expect(() => mode(async () => 1)).toThrow('Expected a synchronous function');
    }
    expect(message(() => noGrad(async () => 1))).toMatchInlineSnapshot(
      `"TypeError: Expected a synchronous function for noGrad, got one that returns a promise; call noGrad around the synchronous parts, between awaits"`,
    );
    expect(isGradEnabled()).toBe(true);
  });
});
