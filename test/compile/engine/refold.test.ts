import { describe, expect, it } from 'vitest';
import { CompileError, compile } from '../../../lib/compile/index.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { manualSeed, noGrad, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';

const INPUTS = [[1, 3, 32, 32]];

function network(): nn.Module & { forward(x: Tensor): Tensor } {
  manualSeed(3);
  return models.resnet18_ibn_a({ numClasses: 10 }).eval() as never;
}

/** Gives every norm other statistics, and every parameter other numbers. */
function change(model: nn.Module, seed: number): void {
  manualSeed(seed);
  scope(() =>
    noGrad(() => {
      for (const parameter of model.parameters()) parameter.add_(randn(parameter.shape).mul(0.02));
      for (const [name, buffer] of model.namedBuffers()) {
        if (name.endsWith('running_mean')) buffer.copy_(randn(buffer.shape).mul(0.1));
        if (name.endsWith('running_var')) buffer.copy_(randn(buffer.shape).abs().add(0.5));
      }
    }),
  );
}

const largest = (a: Tensor, b: Tensor): number => scope(() => Number(a.sub(b).abs().max().item()));
const copyOf = (model: nn.Module) =>
  new Map([...model.stateDict()].map(([key, tensor]) => [key, tensor.clone()]));

describe('refold', () => {
  it("takes the network's new weights and statistics, as one compiled anew has them", async () => {
    const [model, x] = [network(), randn([2, 3, 32, 32])];
    const fast = await compile(model, { inputs: INPUTS, refoldable: true });
    const before = await fast.run(x);
    change(model, 5);
    expect((await fast.run(x)).equal(before)).toBe(true);
    await fast.refold();
    const [after, anew] = [await fast.run(x), await compile(model, { inputs: INPUTS })];
    expect(largest(after, before)).toBeGreaterThan(0.01);
    expect(after.equal(await anew.run(x))).toBe(true);
    expect(largest(after, model.forward(x))).toBeLessThan(1e-3);
  });

  it('rolls back bit for bit with the numbers of before', async () => {
    const [model, x] = [network(), randn([1, 3, 32, 32])];
    const fast = await compile(model, { inputs: INPUTS, refoldable: true });
    const [before, saved] = [await fast.run(x), copyOf(model)];
    change(model, 6);
    await fast.refold();
    expect((await fast.run(x)).equal(before)).toBe(false);
    model.loadStateDict(saved);
    await fast.refold();
    expect((await fast.run(x)).equal(before)).toBe(true);
  });

  it('answers every call with the numbers of before or of after, and none with both', async () => {
    const [model, x] = [network(), randn([1, 3, 32, 32])];
    const fast = await compile(model, { inputs: INPUTS, refoldable: true, threads: 1 });
    const before = await fast.run(x);
    change(model, 7);
    let isDone = false;
    const answers: Tensor[] = [];
    const asking = (async () => {
      while (!isDone) answers.push(...(await Promise.all([fast.run(x), fast.run(x)])));
    })();
    const late = fast.run(x);
    await fast.refold();
    const after = await fast.run(x);
    isDone = true;
    await asking;
    expect((await late).equal(before)).toBe(true);
    expect(answers.length).toBeGreaterThan(2);
    for (const answer of answers) expect(answer.equal(before) || answer.equal(after)).toBe(true);
  });

  it('runs the forward again where it makes tensors of parameters, or a parameter was exchanged', async () => {
    class Scaled extends nn.Module {
      conv = new nn.Conv2d(3, 4, 3, { bias: false });
      calls = 0;
      forward(x: Tensor): Tensor {
        this.calls++;
        return nn.functional.conv2d(x, this.conv.weight.mul(2));
      }
    }
    const model = new Scaled().eval();
    const x = randn([1, 3, 32, 32]);
    const fast = await compile(model, { inputs: INPUTS, refoldable: true });
    noGrad(() => model.conv.weight.mul_(3));
    const calls = model.calls;
    await fast.refold();
    expect(model.calls).toBeGreaterThan(calls);
    expect(largest(await fast.run(x), model.forward(x))).toBeLessThan(1e-4);

    const plain = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
    const other = await compile(plain, { inputs: INPUTS, refoldable: true });
    (plain.get(0) as nn.Conv2d).weight = new nn.Parameter(randn([4, 3, 3, 3]));
    await other.refold();
    expect(largest(await other.run(x), plain.forward(x) as Tensor)).toBeLessThan(1e-4);
  });

  it('refuses a model that was not compiled for it, a network in training, and CUDA', async () => {
    const model = network();
    const plain = await compile(model, { inputs: INPUTS });
    await expect(plain.refold()).rejects.toThrow('Expected a model of compile with refoldable: true');
    const [fast, x] = [await compile(model, { inputs: INPUTS, refoldable: true }), randn([1, 3, 32, 32])];
    const before = await fast.run(x);
    model.train();
    await expect(fast.refold()).rejects.toThrow('Expected a network in evaluation mode');
    expect((await fast.run(x)).equal(before)).toBe(true);
    model.eval();
    await fast.refold();
    await fast.close();
    await expect(fast.refold()).rejects.toMatchObject({ code: 'ERR_COMPILED_CLOSED' });
    await expect(compile(model, { inputs: INPUTS, device: 'cuda', refoldable: true })).rejects.toThrow(
      CompileError,
    );
  });

  it('leaves a model closed that was closed meanwhile', async () => {
    const [model, x] = [network(), randn([1, 3, 32, 32])];
    const fast = await compile(model, { inputs: INPUTS, refoldable: true });
    const [refolding, answer] = [fast.refold(), fast.run(x)];
    const closed = fast.close();
    await expect(refolding).rejects.toMatchObject({ code: 'ERR_COMPILED_CLOSED' });
    expect((await answer).shape).toEqual([1, 10]);
    await closed;
    expect(fast.disposed).toBe(true);
  });
});
