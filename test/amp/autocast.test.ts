import { describe, expect, it } from 'vitest';
import {
  amp,
  autocast,
  cuda,
  inferenceMode,
  keep,
  nn,
  noGrad,
  ones,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../lib/index.ts';
import {
  errorOf,
  expectClose,
  fixture,
  itOnCuda,
  message,
  type Numbers,
  runChild,
  toTensor,
  withScope,
} from '../helpers/index.ts';

interface Autocast {
  ops: { inputs: Record<string, Numbers>; results: Record<'bfloat16' | 'float16', Record<string, Numbers>> };
  training: Training;
}

interface Training {
  start: Record<string, Numbers>;
  x: Numbers;
  labels: number[];
  output: Numbers;
  loss: Numbers;
  grads: Record<string, Numbers>;
  buffers: Record<string, Numbers>;
}

const { ops: cases, training } = fixture<Autocast>('amp/autocast.json');
const { aten } = ops;
type Inputs = Record<string, Tensor>;
const get = (inputs: Inputs, name: string): Tensor => inputs[name] as Tensor;

/** The same names as in scripts/fixtures/amp.py. */
const calls: Record<string, (i: Inputs) => Tensor> = {
  mm: (i) => get(i, 'x').matmul(get(i, 'y')),
  bmm: (i) => get(i, 'x').unsqueeze(0).bmm(get(i, 'y').unsqueeze(0)),
  linear: (i) => aten.linear(get(i, 'x'), get(i, 'y').t(), null),
  conv2d: (i) => aten.conv2d(get(i, 'image'), get(i, 'kernel'), get(i, 'bias')),
  'conv2d then relu': (i) => aten.conv2d(get(i, 'image'), get(i, 'kernel'), get(i, 'bias')).relu(),
  softmax: (i) => get(i, 'half').softmax(1),
  mse_loss: (i) => aten.mse_loss(get(i, 'half'), get(i, 'x')),
  cross_entropy: (i) => aten.cross_entropy_loss(get(i, 'x'), get(i, 'labels')),
  'cat of two dtypes': (i) => aten.cat([get(i, 'x'), get(i, 'half')]),
  'stack of one dtype': (i) => aten.stack([get(i, 'half'), get(i, 'half')]),
  add: (i) => get(i, 'x').add(get(i, 'half')),
  sum: (i) => get(i, 'half').sum(),
  integers: (i) => get(i, 'whole').matmul(get(i, 'whole')),
  float64: (i) => get(i, 'wide').matmul(get(i, 'wide').t()),
};

function inputs(): Inputs {
  return Object.fromEntries(Object.entries(cases.inputs).map(([name, value]) => [name, toTensor(value)]));
}

function network(): nn.Sequential {
  const model = new nn.Sequential(
    new nn.Conv2d(3, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(64, 3),
  );
  const state = Object.entries(training.start).map(([key, value]) => [key, toTensor(value)] as const);
  model.loadStateDict(new Map(state));
  return model;
}

/** Loose enough for kernels that add up in another order. */
const LOOSE = { rtol: 2e-2, atol: 2e-3 };

describe('autocast on the CPU', () => {
  describe.each(['bfloat16', 'float16'] as const)('in %s', (dtype) => {
    it.each(Object.keys(cases.results[dtype]))('computes as torch: %s', (name) => {
      scope(() => {
        const result = autocast('cpu', { dtype }, () => (calls[name] as (i: Inputs) => Tensor)(inputs()));
        expectClose(result, cases.results[dtype][name] as Numbers, LOOSE);
      });
    });
  });

  it(
    'works below autograd and above it alike',
    withScope(() => {
      const x = ones([2, 3]);
      const weight = ones([4, 3], { requiresGrad: true });
      const plain = weight.detach();
      const dtypeOf = (w: Tensor) => autocast('cpu', () => aten.linear(x, w, null).dtype);
      expect(dtypeOf(weight)).toBe('bfloat16'); // through the Autograd keys
      expect(dtypeOf(plain)).toBe('bfloat16'); // past them
      expect(noGrad(() => dtypeOf(weight))).toBe('bfloat16');
      expect(inferenceMode(() => dtypeOf(plain))).toBe('bfloat16');
    }),
  );

  it(
    'trains a network as torch does: dtypes, loss, gradients and statistics',
    withScope(() => {
      const model = network();
      const labels = tensor(training.labels, { dtype: 'int64' });
      const [output, loss] = autocast('cpu', () => {
        const logits: Tensor = model.forward(toTensor(training.x));
        return [logits, aten.cross_entropy_loss(logits, labels)] as const;
      });
      loss.backward();
      expectClose(output, training.output, LOOSE);
      expectClose(loss, training.loss, LOOSE);
      for (const [name, parameter] of model.namedParameters()) {
        expectClose(parameter.grad as Tensor, training.grads[name] as Numbers, { rtol: 5e-2, atol: 5e-3 });
      }
      for (const [name, buffer] of model.namedBuffers()) {
        expectClose(buffer, training.buffers[name] as Numbers, LOOSE);
      }
    }),
  );

  it(
    'casts a weight once in a region, and again in the next',
    withScope(() => {
      const weight = ones([4, 3], { requiresGrad: true });
      const x = ones([2, 3]);
      const first = (w: Tensor) => aten.linear(x, w, null).index(0, 0).item();
      const changed = (options: amp.AutocastOptions) =>
        autocast('cpu', options, () => {
          const before = first(weight);
          noGrad(() => weight.detach().mul_(2));
          const after = first(weight);
          noGrad(() => weight.detach().mul_(0.5));
          return [before, after];
        });
      expect(changed({})).toEqual([3, 3]); // the cast weight of before
      expect(changed({ cacheEnabled: false })).toEqual([3, 6]);
      autocast('cpu', () => {
        first(weight);
        noGrad(() => weight.detach().mul_(2));
        amp.clearAutocastCache();
        expect(first(weight)).toBe(6);
      });
      expect(autocast('cpu', () => first(weight))).toBe(6);
    }),
  );

  it(
    'nests, and ends as it began, also when the function throws',
    withScope(() => {
      const dtype = () => ones([2, 2]).matmul(ones([2, 2])).dtype;
      const state = () => [
        amp.isAutocastEnabled('cpu'),
        amp.getAutocastDtype('cpu'),
        amp.isAutocastCacheEnabled(),
      ];
      const before = state();
      expect(before).toEqual([false, 'bfloat16', true]);
      autocast('cpu', { dtype: 'float16', cacheEnabled: false }, () => {
        expect(state()).toEqual([true, 'float16', false]);
        expect(dtype()).toBe('float16');
        autocast('cpu', { enabled: false }, () => expect(dtype()).toBe('float32'));
        autocast('cpu', { dtype: 'bfloat16', cacheEnabled: true }, () => {
          expect(state()).toEqual([true, 'bfloat16', true]);
        });
        expect(state()).toEqual([true, 'float16', false]);
      });
      const failing = () => {
        throw new Error('no');
      };
      expect(message(() => autocast('cpu', failing))).toBe('Error: no');
      expect(state()).toEqual(before);
      expect(dtype()).toBe('float32');
    }),
  );

  it('leaves inference mode and scopes inside and outside as they are', () => {
    const kept = scope(() =>
      autocast('cpu', () => inferenceMode(() => scope(() => keep(ones([2, 2]).matmul(ones([2, 2])))))),
    );
    expect(kept.dtype).toBe('bfloat16');
    expect(amp.isAutocastEnabled('cpu')).toBe(false);
    kept.dispose();
  });

  it('belongs to its thread', async () => {
    const source = `
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      import { fileURLToPath } from 'node:url';
      const { amp, autocast, ones } = await import(dist + '/index.js');
      const dtype = () => ones([2, 2]).matmul(ones([2, 2])).dtype;
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url));
        const inWorker = new Promise((resolve) => worker.once('message', resolve));
        const here = autocast('cpu', { dtype: 'float16' }, dtype);
        console.log(JSON.stringify([here, await inWorker, dtype()]));
      } else {
        parentPort.postMessage([amp.isAutocastEnabled('cpu'), dtype(), autocast('cpu', dtype)]);
      }`;
    const { stdout, stderr, code } = await runChild(source);
    expect([stderr, code]).toEqual(['', 0]);
    expect(JSON.parse(stdout)).toEqual(['float16', [false, 'float32', 'bfloat16'], 'float32']);
  });

  it('is clear about what it cannot do', () => {
    expect(message(() => autocast('cpu', async () => 1))).toMatchInlineSnapshot(
      `"TypeError: Expected a synchronous function for autocast, got one that returns a promise; call autocast around the synchronous parts, between awaits"`,
    );
    expect(message(() => autocast('cpu', { dtype: 'float32' as never }, () => 1))).toMatchInlineSnapshot(
      `"RangeError: Expected float16 or bfloat16 for autocast dtype, got "float32"; pass { enabled: false } for full precision"`,
    );
    expect(message(() => autocast('cpu', { dType: 'float16' } as never, () => 1))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for autocast, got "dType"; did you mean dtype?"`,
    );
    expect(message(() => autocast('meta', () => 1))).toMatchInlineSnapshot(
      `"RangeError: Expected a device with autocast, got "meta""`,
    );
    expect(message(() => autocast(3 as never, () => 1))).toMatchInlineSnapshot(
      `"TypeError: Expected a device for autocast, got number"`,
    );
    expect(message(() => autocast('cpu', {}, undefined as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a function for autocast, got undefined"`,
    );
    expect(message(() => autocast('gpu', () => 1))).toContain('device type at start of device string: gpu');
    expect(amp.isAutocastEnabled('cpu')).toBe(false);
  });

  it('knows which devices have it', () => {
    expect(['cpu', 'cuda', 'cuda:1', 'meta'].map(amp.isAutocastAvailable)).toEqual([true, true, true, false]);
    expect([amp.getAutocastDtype('cpu'), amp.getAutocastDtype('cuda')]).toEqual(['bfloat16', 'float16']);
  });
});

describe('autocast on CUDA', () => {
  it.skipIf(cuda.isAvailable())('throws without a device, and never runs in full precision instead', () => {
    let ran = false;
    const error = errorOf(() =>
      autocast('cuda', () => {
        ran = true;
      }),
    );
    expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
    expect(error.message).toMatch(/^CUDA is not available: .+; .+/);
    expect([ran, amp.isAutocastEnabled('cuda')]).toEqual([false, false]);
    expect(autocast('cuda', { enabled: false }, () => 'ran')).toBe('ran');
  });

  itOnCuda(
    'computes convolutions and products in float16, losses in float32',
    withScope(() => {
      const x = ones([2, 3, 8, 8], { device: 'cuda' });
      const conv = new nn.Conv2d(3, 4, 3, { device: 'cuda' });
      autocast('cuda', () => {
        const y: Tensor = conv.forward(x);
        expect([y.dtype, y.device]).toEqual(['float16', 'cuda:0']);
        expect(aten.mse_loss(y, aten.zeros_like(y)).dtype).toBe('float32');
        autocast('cuda', { dtype: 'bfloat16' }, () => expect(conv.forward(x).dtype).toBe('bfloat16'));
      });
      expect(conv.forward(x).dtype).toBe('float32');
    }),
  );
});
