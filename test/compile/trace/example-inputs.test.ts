import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compile, exportTorchScript } from '../../../lib/compile/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { memoryStats, noGrad, randn, setNumThreads, type Tensor, zeros } from '../../../lib/tensor/index.ts';
import { collectGarbage, errorOf, tmp } from '../../helpers/index.ts';
import { rejection } from '../plan-maker.ts';

beforeAll(() => setNumThreads(1));

class Two extends nn.Module {
  conv = new nn.Conv2d(3, 4, 3);
  forward(x: Tensor, y: Tensor) {
    return this.conv.forward(x).add(this.conv.forward(y));
  }
}

const network = () => new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU()).eval();

describe('inputs of compile', () => {
  it('may be an example tensor, of which the shape counts', async () => {
    const model = network();
    const x = randn([2, 3, 8, 8]);
    const fast = await compile(model, { inputs: [x] });
    const images = randn([5, 3, 8, 8]);
    const [got, want] = [await fast.run(images), noGrad(() => model.forward(images))];
    expect(got.sub(want).abs().max().item()).toBeLessThan(1e-5);
    const fixed = await compile(model, { inputs: [x], dynamicBatch: false });
    expect((await rejection(fixed.run(images))).message).toContain('Expected shape [2, 3, 8, 8]');
    await Promise.all([fast.close(), fixed.close()]);
  });

  it('may be tensors and shapes together', async () => {
    const model = new Two().eval();
    const x = randn([1, 3, 8, 8]);
    const fast = await compile(model, { inputs: [x, [1, 3, 8, 8]] });
    const y = await fast.run([x, x]);
    expect(y.shape).toEqual([1, 4, 6, 6]);
    fast.dispose();
  });

  it('are refused by name where run would not take them', async () => {
    const given: [string, unknown][] = [
      ['dtype', [[1, 3, 8, 8], zeros([1, 3, 8, 8], { dtype: 'float64' })]],
      ['device', [zeros([1, 3, 8, 8], { device: 'meta' })]],
      ['bare', zeros([1, 3, 8, 8])],
      ['shape', [zeros([3, 8, 8])]],
    ];
    const messages: Record<string, string> = {};
    for (const [name, inputs] of given) {
      const error = await rejection(compile(network(), { inputs: inputs as number[][] }));
      messages[name] = `${error.name}: ${error.message}`;
    }
    expect(messages).toMatchInlineSnapshot(`
      {
        "bare": "TypeError: Expected an array for compile inputs, got a Tensor; put it in one: inputs: [x]",
        "device": "RangeError: Expected a Tensor on the CPU for compile inputs[0], got one on meta; pass its shape",
        "dtype": "TypeError: Expected a float32 Tensor for compile inputs[1], got float64; pass x.to('float32'), or its shape",
        "shape": "RangeError: Expected shapes [N, C, H, W] for compile inputs, such as [[1, 3, 224, 224]], got [[3,8,8]]",
      }
    `);
  });
});

describe('inputs of exportTorchScript', () => {
  it('may be an example tensor', () => {
    const path = join(tmp(), 'model.pt');
    const { inputs } = exportTorchScript(network(), path, { inputs: [randn([1, 3, 16, 16])] });
    expect(inputs[0]?.[1]).toBe(3);
  });

  it('have the dtype of the first parameter', () => {
    const path = join(tmp(), 'model.pt');
    const x = zeros([1, 3, 16, 16], { dtype: 'float64' });
    expect(errorOf(() => exportTorchScript(network(), path, { inputs: [x] })).message).toMatchInlineSnapshot(
      `"Expected a float32 Tensor for exportTorchScript inputs[0], got float64; pass x.to('float32'), or its shape"`,
    );
    exportTorchScript(network().double(), path, { inputs: [x], dynamicSizes: false });
  });
});

describe('dispose of a network', () => {
  it('frees its weights at once, and a compiled form goes on', async () => {
    const model = new nn.Sequential(new nn.Conv2d(3, 256, 3), new nn.BatchNorm2d(256)).eval();
    const fast = await compile(model, { inputs: [[1, 3, 8, 8]] });
    await collectGarbage(); // tensors over the same memory that made the network
    const before = memoryStats().cpuBytes;
    model.dispose();
    model.dispose();
    expect(before - memoryStats().cpuBytes).toBeGreaterThanOrEqual(4 * (256 * 27 + 256 * 5));
    const x = randn([1, 3, 8, 8]);
    expect((await fast.run(x)).shape).toEqual([1, 256, 6, 6]);
    const { code } = errorOf(() => model.forward(x));
    expect(code).toBe('ERR_TENSOR_DISPOSED');
    await fast.close();
  });

  it('is what using calls', () => {
    const model = network();
    model[Symbol.dispose]();
    expect(errorOf(() => model.forward(randn([1, 3, 8, 8]))).code).toBe('ERR_TENSOR_DISPOSED');
  });
});
