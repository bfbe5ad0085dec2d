import { describe, expect, it } from 'vitest';
import { grad, memoryStats, ops, scope, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

const { aten } = ops;

describe('backward', () => {
  const leaf = (values: number[] = [1, 2]) => tensor(values, { requiresGrad: true });

  it(
    'accumulates until the gradient is dropped',
    withScope(() => {
      const x = leaf();
      const gradient = () => x.grad;
      x.mul(3).sum().backward();
      x.mul(3).sum().backward();
      expect(gradient()?.toArray()).toEqual([6, 6]);
      x.grad = null;
      expect(gradient()).toBeNull();
      x.sum().backward();
      expect(gradient()?.toArray()).toEqual([1, 1]);
      gradient()?.zero_();
      expect(gradient()?.toArray()).toEqual([0, 0]);
    }),
  );

  it(
    'takes a gradient for results that are no scalar',
    withScope(() => {
      const x = leaf();
      x.mul(2).backward(tensor([10, 100]));
      expect(x.grad?.toArray()).toEqual([20, 200]);
      expect(message(() => x.mul(2).backward())).toMatchInlineSnapshot(
        `"TorchError: grad can be implicitly created only for scalar outputs: expected a gradient for an output of several elements, got none; give one, or take the sum of the output"`,
      );
      expect(message(() => x.mul(2).backward(tensor([1])))).toContain('shape');
    }),
  );

  it(
    'frees the graph unless told to keep it',
    withScope(() => {
      const x = leaf();
      const y = x.mul(x).sum();
      y.backward(null, { retainGraph: true });
      y.backward();
      expect(x.grad?.toArray()).toEqual([4, 8]);
      expect(message(() => y.backward())).toMatchInlineSnapshot(
        `"TorchError: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."`,
      );
    }),
  );

  it(
    'createGraph records the gradients themselves',
    withScope(() => {
      const x = leaf();
      x.pow(3).sum().backward(null, { createGraph: true });
      const first = x.grad as Tensor;
      expect(first.requiresGrad).toBe(true);
      const [second] = grad([first.sum()], [x]);
      expect(second?.toArray()).toEqual([6, 12]);
      x.grad = null;
    }),
  );

  it(
    'accumulates into the chosen inputs only',
    withScope(() => {
      const [x, y] = [leaf(), leaf()];
      x.mul(y)
        .sum()
        .backward(null, { inputs: [x] });
      expect([x.grad?.toArray(), y.grad]).toEqual([[1, 2], null]);
    }),
  );

  it(
    'grad() gives null for what is not used, when allowed',
    withScope(() => {
      const [x, y] = [leaf(), leaf()];
      expect(message(() => grad([x.sum()], [y]))).toMatchInlineSnapshot(
        `"TorchError: element 0of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."`,
      );
      expect(grad([x.sum()], [y], { allowUnused: true })).toEqual([null]);
      const [given] = grad([x.mul(2)], [x], { gradOutputs: [tensor([1, 3])] });
      expect(given?.toArray()).toEqual([2, 6]);
    }),
  );

  it(
    'needs something that requires grad',
    withScope(() => {
      expect(message(() => tensor([1]).sum().backward())).toMatchInlineSnapshot(
        `"TorchError: element 0 of tensors does not require grad and does not have a grad_fn"`,
      );
      expect(message(() => leaf().backward('x' as never))).toContain('TypeError');
      expect(
        message(() =>
          leaf()
            .sum()
            .backward(null, { inputs: [5 as never] }),
        ),
      ).toContain('TypeError');
    }),
  );

  it(
    'notices values changed in place',
    withScope(() => {
      const x = leaf();
      const y = x.exp();
      const z = y.mul(y).sum();
      y.add_(1);
      expect(message(() => z.backward())).toMatchInlineSnapshot(
        `"TorchError: one of the variables needed for gradient computation has been modified by an inplace operation: [CPUFloatType [2]], which is output 0 of Add, is at version 1; expected version 0 instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."`,
      );
      expect(message(() => x.add_(1))).toMatchInlineSnapshot(
        `"TorchError: aten::add_.Tensor: a leaf Variable that requires grad is being used in an in-place operation."`,
      );
    }),
  );
});

describe('leaves and gradients', () => {
  it(
    'requiresGrad, isLeaf and gradFn say what was recorded',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const y = x.mul(x);
      expect([x.isLeaf, x.requiresGrad, x.gradFn]).toEqual([true, true, null]);
      expect([y.isLeaf, y.requiresGrad, y.gradFn]).toEqual([false, true, 'MulBackward0']);
      const cut = y.detach();
      expect([cut.isLeaf, cut.requiresGrad, cut.gradFn]).toEqual([true, false, null]);
      expect(cut.untypedStorage().dataPtr()).toBe(y.untypedStorage().dataPtr());
      expect(tensor([1]).requiresGrad_()).toMatchObject({ requiresGrad: true });
      x.requiresGrad = false;
      expect(x.requiresGrad).toBe(false);
    }),
  );

  it(
    'only floating and complex leaves can require grad',
    withScope(() => {
      expect(message(() => tensor([1], { dtype: 'int64' }).requiresGrad_())).toMatchInlineSnapshot(
        `"TorchError: Expected a floating-point or complex tensor for requiresGrad_, got one of whole numbers or booleans"`,
      );
      const y = tensor([1], { requiresGrad: true }).mul(2);
      expect(message(() => y.requiresGrad_(false))).toMatchInlineSnapshot(
        `"TorchError: you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use detach()"`,
      );
      expect(aten.complex(tensor([1]), tensor([2])).requiresGrad_().requiresGrad).toBe(true);
    }),
  );

  it(
    'a gradient can be set when it fits',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      x.grad = tensor([5, 6]);
      expect(x.grad?.toArray()).toEqual([5, 6]);
      const set = (value: unknown) =>
        message(() => {
          x.grad = value as Tensor;
        });
      expect(set(tensor([1]))).toMatchInlineSnapshot(`"RangeError: Expected grad of shape [2], got [1]"`);
      expect(set(tensor([1, 2], { dtype: 'float64' }))).toMatchInlineSnapshot(
        `"RangeError: Expected grad with the tensor's dtype and device"`,
      );
      expect(set(5)).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor, Generator or UntypedStorage of this package, got a value of type number"`,
      );
      expect(x.grad?.toArray()).toEqual([5, 6]);
    }),
  );

  it(
    'a gradient lives on its own',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      x.sum().backward();
      const gradient = x.grad as Tensor;
      expect(x.grad?.isSame(gradient)).toBe(true);
      x.dispose();
      expect(gradient.toArray()).toEqual([1, 1]);
    }),
  );

  it('a disposed intermediate stays alive in the graph', async () => {
    const x = tensor([3], { requiresGrad: true });
    const y = scope(() => x.mul(x).exp().sum());
    await collectGarbage();
    y.backward();
    expect((x.grad as Tensor).item()).toBeCloseTo(6 * Math.exp(9), 1);
    y.dispose();
    x.dispose();
  });

  it('a graph goes with the last tensor over it', async () => {
    const before = memoryStats().cpuBytes;
    const x = zeros([1_000_000], { requiresGrad: true });
    const y = scope(() => x.exp().exp().exp());
    expect(memoryStats().cpuBytes - before).toBeGreaterThan(15e6);
    y.dispose();
    await collectGarbage();
    expect(memoryStats().cpuBytes - before).toBeLessThan(4.1e6);
    x.dispose();
  });
});
