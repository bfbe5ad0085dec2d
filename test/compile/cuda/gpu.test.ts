import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  type CompiledModel,
  type CompileOptions,
  compile,
  loadCompiled,
} from '../../../lib/compile/index.ts';
import { autocast, backends, CudaOutOfMemoryError, cuda } from '../../../lib/index.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import {
  equal,
  manualSeed,
  noGrad,
  ops,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../../lib/tensor/index.ts';
import { itOnCuda, tmp } from '../../helpers/index.ts';
import { disposeModel, prepared, relativeError } from '../../helpers/plans.ts';
import { rejection } from '../plan-maker.ts';

const SMALL = { widths: [16, 32, 64, 128], numClasses: 5 } as const;
const small = () => new models.ResNet_IBN(models.Bottleneck_IBN, [1, 1, 1, 1], SMALL);

interface Setting extends Partial<CompileOptions> {
  size?: number;
}

/** Passes a model compiled for CUDA to `body`, and the network on the CPU that it was made of. */
async function withCompiled(
  make: () => nn.Module,
  { size = 64, ...options }: Setting,
  body: (fast: CompiledModel, network: nn.Module) => Promise<void>,
): Promise<void> {
  // In some random networks rounding grows until eager itself is far from float64.
  manualSeed(0);
  const network = prepared(make());
  const fast = await compile(network, { inputs: [[1, 3, size, size]], device: 'cuda', ...options });
  try {
    await body(fast as CompiledModel, network);
  } finally {
    fast.dispose();
    disposeModel(network);
    await cuda.currentStream().synchronizeAsync();
  }
}

async function withoutTF32(body: () => Promise<void>): Promise<void> {
  const before = backends.cudnn.allowTF32;
  backends.cudnn.allowTF32 = false;
  try {
    await body();
  } finally {
    backends.cudnn.allowTF32 = before;
  }
}

/** The largest relative error for batches of 1, 3 and 1 again. */
function errorsOf(make: () => nn.Module, setting: Setting): Promise<number> {
  const errors: number[] = [];
  return withCompiled(make, setting, async (fast, network) => {
    const all = randn([3, 3, setting.size ?? 64, setting.size ?? 64]);
    for (const x of [all.narrow(0, 0, 1), all, all.narrow(0, 1, 1)]) {
      const [got, want] = [await fast.run(x), noGrad(() => network.forward(x)) as Tensor];
      expect([got.device, got.dtype, got.shape]).toEqual(['cpu', 'float32', want.shape]);
      errors.push(relativeError(got, want));
      for (const made of [got, want, x]) made.dispose();
    }
    all.dispose();
  }).then(() => Math.max(...errors));
}

describe('compiled networks on a GPU agree with eager on the CPU', () => {
  for (const name of models.listModels()) {
    itOnCuda(`${name} in float32`, () =>
      withoutTF32(async () => {
        const setting = { cudnnBenchmark: false, size: /1[0-9][0-9]|201/.test(name) ? 32 : 64 };
        // cuDNN may filter 3x3 windows by Winograd's way.
        expect(await errorsOf(() => models.getModel(name), setting)).toBeLessThan(1e-3);
      }),
    );
  }

  for (const [dtype, tolerance] of [
    ['float16', 0.03],
    ['bfloat16', 0.1],
  ] as const) {
    for (const name of [
      'resnet50_ibn_a',
      'resnet50_ibn_b',
      'se_resnet50_ibn_a',
      'densenet121_ibn_a',
    ] as const) {
      itOnCuda(`${name} in ${dtype}`, async () => {
        expect(await errorsOf(() => models.getModel(name), { dtype })).toBeLessThan(tolerance);
      });
    }
  }

  itOnCuda('with the network itself on the GPU', () =>
    withoutTF32(async () => {
      expect(await errorsOf(() => small().cuda().cpu(), {})).toBeLessThan(1e-4);
      const network = prepared(small()).cuda();
      const fast = await compile(network, { inputs: [[2, 3, 64, 64]], device: 'cuda' });
      const x = randn([2, 3, 64, 64], { device: 'cuda' });
      const [got, want] = [await fast.run(x), noGrad(() => network.forward(x)) as Tensor];
      expect([got.device, relativeError(got, want) < 1e-4]).toEqual([x.device, true]);
      for (const made of [x, got, want]) made.dispose();
      fast.dispose();
      disposeModel(network);
    }),
  );
});

describe('graphs on a GPU', () => {
  itOnCuda('are recorded once for each batch size, share memory and keep apart', () =>
    withCompiled(small, { maxGraphs: 2 }, async (fast) => {
      const inputs = [1, 2, 1, 2, 3, 1].map((batch) => randn([batch, 3, 64, 64]));
      const alone: Tensor[] = [];
      for (const x of inputs) alone.push(await fast.run(x));
      expect(fast.stats().graphs).toEqual([3, 1]);
      const together = await Promise.all([...inputs, ...inputs].map((x) => fast.run(x)));
      for (const [i, y] of together.entries()) {
        expect(relativeError(y, alone[i % inputs.length] as Tensor)).toBeLessThan(1e-3);
      }
      for (const made of [...inputs, ...alone, ...together]) made.dispose();
    }),
  );

  itOnCuda('hold the settings of TF32', () =>
    withCompiled(small, {}, async (fast) => {
      const x = randn([1, 3, 64, 64]);
      const [first] = [await fast.run(x)];
      await withoutTF32(async () => (await fast.run(x)).dispose());
      expect(fast.stats().graphs).toEqual([1, 1]);
      const again = await fast.run(x);
      expect(equal(again, first)).toBe(true);
      for (const made of [x, first, again]) made.dispose();
    }),
  );

  itOnCuda('use no fused convolutions where results must be the same each time', async () => {
    backends.cudnn.deterministic = true;
    try {
      await withCompiled(small, {}, async (fast) => {
        const { steps } = fast.stats();
        const fused = steps.filter(({ op }) => op.startsWith('aten::cudnn_'));
        expect(fused.length).toBeGreaterThan(5);
        expect(new Set(fused.map(({ algorithm }) => algorithm))).toEqual(new Set(['composed (setting)']));
      });
    } finally {
      backends.cudnn.deterministic = false;
    }
  });

  itOnCuda('use the fused norm and most fused convolutions', () =>
    withCompiled(
      () => models.resnet50_ibn_a(),
      { dtype: 'float16', cudnnBenchmark: false, size: 224 },
      async (fast) => {
        const { steps } = fast.stats();
        const norms = steps.filter(({ op }) => op === 'ibn::instance_batch_norm');
        expect(norms.map(({ algorithm }) => algorithm)).toEqual(norms.map(({ op }) => op));
        expect(steps.filter(({ algorithm }) => algorithm.startsWith('composed')).length).toBeLessThan(6);
      },
    ),
  );

  itOnCuda('that meet an op which cannot be recorded leave CUDA as it was', async () => {
    class Net extends nn.Module {
      conv = new nn.Conv2d(3, 4, 3);
      repeats = tensor(new BigInt64Array([1n, 2n, 1n, 2n]));
      forward(x: Tensor) {
        // The size of the result is read from the GPU.
        return ops.aten.repeat_interleave(this.conv.forward(x).mean([2, 3]), this.repeats, 1);
      }
    }
    const network = new Net().eval();
    const given = { inputs: [[1, 3, 8, 8]], device: 'cuda', unsupported: 'eager' } as const;
    expect((await rejection(compile(network, given))).name).toBe('TorchError');
    const x = randn([64, 64], { device: 'cuda' });
    const product = x.matmul(x);
    expect(product.isfinite().all().item()).toBe(true);
    cuda.synchronize();
    expect(await errorsOf(small, {})).toBeLessThan(1e-2);
    for (const made of [x, product, network.repeats]) made.dispose();
    disposeModel(network);
  });

  itOnCuda('that find no memory throw, and the next batch works', async () => {
    class Wide extends nn.Module {
      conv = new nn.Conv2d(3, 4096, 1);
      forward(x: Tensor) {
        return this.conv.forward(x).relu().mean([2, 3]);
      }
    }
    await withCompiled(
      () => new Wide(),
      { size: 64, cudnnBenchmark: false },
      async (fast) => {
        const [, total] = cuda.memGetInfo();
        const batch = Math.ceil(total / (4096 * 64 * 64 * 4)) + 1;
        const [large, one] = [zeros([batch, 3, 64, 64]), randn([1, 3, 64, 64])];
        expect(await rejection(fast.run(large))).toBeInstanceOf(CudaOutOfMemoryError);
        const y = await fast.run(one);
        expect(y.shape).toEqual([1, 4096]);
        for (const made of [large, one, y]) made.dispose();
      },
    );
  });

  itOnCuda('go with the model', async () => {
    const once = async () => {
      await withCompiled(small, {}, async (fast) => {
        const before = cuda.memoryAllocated();
        const x = randn([4, 3, 64, 64]);
        (await fast.run(x)).dispose();
        expect(cuda.memoryAllocated()).toBeGreaterThan(before);
        x.dispose();
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      return cuda.memoryAllocated();
    };
    // Libraries keep workspaces by stream, and the next model has the streams of the one before.
    const first = await once();
    expect(await once()).toBe(first);
  });
});

describe('inputs and outputs on a GPU', () => {
  itOnCuda('stay on the device, in the order of the caller’s stream', () =>
    withCompiled(small, { dtype: 'float16' }, async (fast) => {
      const stream = new cuda.Stream();
      const results = await cuda.withStream(stream, () => {
        const x = randn([8, 3, 64, 64], { device: 'cuda' });
        const kept = x.clone();
        const calls = [fast.run(x), fast.run(x.half())];
        x.zero_();
        return { calls: [...calls, fast.run(kept)], made: [x, kept] };
      });
      const outputs = await Promise.all(results.calls);
      scope(() => {
        const [y, half, want] = outputs.map((output) => output.cpu()) as [Tensor, Tensor, Tensor];
        expect(equal(y, want)).toBe(true);
        expect(relativeError(half, want)).toBeLessThan(1e-6);
        expect(outputs.map(({ device, dtype }) => `${device} ${dtype}`)).toEqual(
          Array(3).fill('cuda:0 float32'),
        );
      });
      for (const made of [...outputs, ...results.made]) made.dispose();
    }),
  );

  itOnCuda('may be in page-locked memory, and channels_last', () =>
    withCompiled(small, {}, async (fast) => {
      const x = randn([4, 3, 64, 64]);
      const given = [x, x.pinMemory(), x.to({ memoryFormat: 'channels_last' })];
      const outputs = await Promise.all(given.map((input) => fast.run(input)));
      for (const y of outputs) expect(equal(y, outputs[0] as Tensor)).toBe(true);
      expect(outputs.every((y) => y.isPinned())).toBe(true);
      for (const made of [...given, ...outputs]) made.dispose();
    }),
  );

  itOnCuda('are not cast by autocast around run', () =>
    withCompiled(small, {}, async (fast) => {
      const x = randn([5, 3, 64, 64]);
      const call = autocast('cuda', () => ({ y: fast.run(x) }));
      const [a, b] = [await call.y, await fast.run(x)];
      expect(equal(a, b)).toBe(true);
      for (const made of [x, a, b]) made.dispose();
    }),
  );

  itOnCuda('overlap: calls together take less time than one after the other', () =>
    withCompiled(
      () => models.resnet50_ibn_a(),
      { dtype: 'float16', size: 224, inputs: [[64, 3, 224, 224]] },
      async (fast) => {
        const x = randn([64, 3, 224, 224]).pinMemory();
        const time = async (body: () => Promise<unknown>) => {
          const start = performance.now();
          await body();
          return performance.now() - start;
        };
        const calls = Array.from({ length: 20 });
        const alone = async () => {
          for (const _ of calls) (await fast.run(x)).dispose();
        };
        const together = async () => {
          for (const y of await Promise.all(calls.map(() => fast.run(x)))) y.dispose();
        };
        for (const body of [alone, together]) await body();
        const [one, all] = [await time(alone), await time(together)];
        expect(all).toBeLessThan(0.95 * one);
        x.dispose();
      },
    ),
  );

  itOnCuda('leave the event loop free', () =>
    withCompiled(
      () => models.resnet50_ibn_a(),
      { size: 224, inputs: [[64, 3, 224, 224]] },
      async (fast) => {
        const x = randn([64, 3, 224, 224]).pinMemory();
        let turns = 0;
        const timer = setInterval(() => turns++, 1);
        const outputs = await Promise.all([1, 2, 3, 4].map(() => fast.run(x)));
        clearInterval(timer);
        expect(turns).toBeGreaterThan(5);
        for (const made of [x, ...outputs]) made.dispose();
      },
    ),
  );
});

describe('files on a GPU', () => {
  itOnCuda('give the same numbers', () =>
    withCompiled(small, { dtype: 'float16', cudnnBenchmark: false }, async (fast) => {
      const path = join(tmp(), 'model.ibn');
      fast.save(path);
      const loaded = await loadCompiled(path, { device: 'cuda:0', cudnnBenchmark: false });
      const x = randn([3, 3, 64, 64]);
      const [want, got] = [await fast.run(x), await loaded.run(x)] as [Tensor, Tensor];
      expect(relativeError(got, want)).toBeLessThan(1e-2);
      expect(loaded.explain()).toBe(fast.explain());
      loaded.dispose();
      for (const made of [x, want, got]) made.dispose();
    }),
  );

  itOnCuda('devices that are not there are refused', async () => {
    const network = small().eval();
    const error = await rejection(compile(network, { inputs: [[1, 3, 64, 64]], device: 'cuda:99' }));
    expect(error.name).toBe('RangeError');
    disposeModel(network);
  });
});
