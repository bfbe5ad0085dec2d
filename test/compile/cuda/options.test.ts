import { describe, expect, it } from 'vitest';
import { compile } from '../../../lib/compile/index.ts';
import { cuda, zeros } from '../../../lib/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { errorOf } from '../../helpers/index.ts';
import { disposeModel } from '../../helpers/plans.ts';
import { rejection } from '../plan-maker.ts';

const inputs = [[1, 3, 8, 8]];
const text = ({ name, message }: Error) => `${name}: ${message}`;

async function messages(options: Record<string, unknown>[]): Promise<string[]> {
  const model = new nn.Sequential(new nn.Conv2d(3, 4, 3)).eval();
  const found: string[] = [];
  for (const option of options) {
    found.push(text(await rejection(compile(model, { inputs, ...option } as never))));
  }
  disposeModel(model);
  return found;
}

describe('options of compile for CUDA', () => {
  it('are refused where they mean nothing, or are wrong', async () => {
    const device = 'cuda';
    const found = await messages([
      { device, threads: 2 },
      { device, microBatch: 2 },
      { device, maxBatch: 2 },
      { device, maxDelayMs: 2 },
      { maxGraphs: 2 },
      { cudnnBenchmark: true },
      { device, maxGraphs: 0 },
      { device, cudnnBenchmark: 1 },
      { device, maxQueue: 0 },
      { device, dtype: 'float64' },
      { device, inputs: [[3, 8, 8]] },
      { device, unsupported: 'never' },
      {
        device,
        inputs: [
          [1, 3, 8, 8],
          [2, 3, 8, 8],
        ],
        dynamicBatch: false,
      },
      { device: 'cuda:x' },
      { device: 'gpu' },
    ]);
    expect(found).toMatchInlineSnapshot(`
      [
        "RangeError: Expected options for device "cuda" in compile, got "threads"; the GPU has no threads to set",
        "RangeError: Expected options for device "cuda" in compile, got "microBatch"; a batch is computed as a whole",
        "RangeError: Expected options for device "cuda" in compile, got "maxBatch"; join images into one tensor before run",
        "RangeError: Expected options for device "cuda" in compile, got "maxDelayMs"; calls are not joined",
        "RangeError: Expected options for device "cpu" in compile, got "maxGraphs"; there are graphs and cuDNN on CUDA only",
        "RangeError: Expected options for device "cpu" in compile, got "cudnnBenchmark"; there are graphs and cuDNN on CUDA only",
        "RangeError: Expected an integer from 1 to 4096 for compile maxGraphs, got 0",
        "TypeError: Expected a boolean for compile cudnnBenchmark, got number",
        "RangeError: Expected an integer from 1 to 1048576 for compile maxQueue, got 0",
        "RangeError: Expected "float32" or "float16" or "bfloat16" for compile dtype, got "float64"",
        "RangeError: Expected shapes [N, C, H, W] for compile inputs, such as [[1, 3, 224, 224]], got [[3,8,8]]",
        "RangeError: Expected "error" or "eager" for compile unsupported, got "never"",
        "RangeError: Expected one batch size in compile inputs with dynamicBatch: false, got 1 and 2",
        "CompileError: Expected "cpu", "cuda" or "cuda:0" for compile device, got "cuda:x"; run the model itself on other devices",
        "CompileError: Expected "cpu", "cuda" or "cuda:0" for compile device, got "gpu"; run the model itself on other devices",
      ]
    `);
  });

  it.skipIf(cuda.isAvailable())(
    'without a device the reason is that of tensors, and nothing runs',
    async () => {
      const model = new nn.Sequential(new nn.Conv2d(3, 4, 3));
      for (const device of ['cuda', 'cuda:1']) {
        // In training mode, which is an error of its own once it is looked at.
        const error = await rejection(compile(model, { inputs, device }));
        const ofTensors = errorOf(() => zeros([1], { device })).message;
        const reason = ofTensors.slice(ofTensors.indexOf('; ') + 2);
        expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
        expect(error.message).toBe(text(errorOf(() => cuda.synchronize())).replace('TorchError: ', ''));
        expect(error.message.endsWith(reason)).toBe(true);
      }
      disposeModel(model);
    },
  );
});
