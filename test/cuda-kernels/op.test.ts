import { describe, expect, it } from 'vitest';
import { withFusedNorms } from '../../lib/nn/ibn-ops.ts';
import { grad, noGrad, ops, randn, scope, type Tensor, zeros } from '../../lib/tensor/index.ts';
import { expectClose, forEachDevice, itOnCuda, message, withScope } from '../helpers/index.ts';
import { channelsOf, exactCopy, norms, runExact, runFused, shake, tolerances } from './norms.ts';

const { aten } = ops;
const ibn = ops.ibn as Record<string, (...args: unknown[]) => unknown>;
const evaluate = (...args: unknown[]) => ibn.instance_batch_norm?.(...args) as Tensor;
const trainOp = (...args: unknown[]) => ibn.instance_batch_norm_train?.(...args) as Tensor;

const SHAPES: [number, number, number][] = [
  [3, 7, 7],
  [2, 1, 2],
  [2, 14, 14],
  [1, 33, 5],
];
const formats = ['contiguous_format', 'channels_last'] as const;

function inputOf(shape: number[], dtype: 'float32' | 'float16' | 'bfloat16', device: string, format: string) {
  // A slope besides noise: of two elements that are nearly the same the deviation is all rounding.
  const [, , h, w] = shape as [number, number, number, number];
  const slope = aten.linspace(0, 3, h * w, { device }).view([1, 1, h, w]);
  const x = randn(shape, { device }).mul(0.4).add(slope).to(dtype);
  return aten.contiguous(x, { memory_format: format as 'channels_last' });
}

function compare(
  name: string,
  dtype: 'float32' | 'float16' | 'bfloat16',
  training: boolean,
  device: string,
): void {
  const make = norms[name] as () => ReturnType<(typeof norms)[string]>;
  for (const [n, h, w] of SHAPES) {
    for (const format of formats) {
      for (const [relu, added] of [
        [false, false],
        [true, true],
      ]) {
        scope(() => {
          const layer = make().to({ device });
          noGrad(() => shake(layer));
          layer.train(training);
          const exact = exactCopy(layer, make);
          const shape = [n, channelsOf(layer), h, w];
          const [x, g] = [inputOf(shape, dtype, device, format), inputOf(shape, dtype, device, format)];
          const residual = added ? inputOf(shape, dtype, device, format) : null;
          const options = { residual, relu: relu as boolean };
          const actual = runFused(layer, x, options, g);
          expect(actual.output.isContiguous(format)).toBe(true);
          const wanted = runExact(exact, x, options, g, actual.output);
          const bounds = tolerances[dtype] as { rtol: number; atol: number };
          expectClose(actual.output.to('float64'), wanted.output, bounds);
          for (const [key, value] of wanted.grads) {
            const got = actual.grads.get(key) as Tensor;
            const loose = key.includes('.') || key === 'weight' || key === 'bias' ? 20 : 4;
            const { rtol, atol } =
              key === 'x' || key === 'residual' ? bounds : (tolerances.float32 as typeof bounds);
            expectClose(got.to('float64'), value, { rtol: loose * rtol, atol: loose * atol });
          }
          const buffers = new Map(exact.namedBuffers());
          for (const [key, value] of layer.namedBuffers()) {
            const got = value.dtype === 'int64' ? value : value.to('float64');
            expectClose(got, buffers.get(key) as Tensor, { rtol: 1e-4, atol: 1e-4 });
          }
        });
      }
    }
  }
}

describe('ibn::instance_batch_norm', () => {
  for (const name of Object.keys(norms)) {
    for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
      forEachDevice(`does what ${name} does in evaluation, ${dtype}`, (device) => {
        compare(name, dtype, false, device);
      });
      forEachDevice(`does what ${name} does in training, ${dtype}`, (device) => {
        compare(name, dtype, true, device);
      });
    }
  }

  forEachDevice('gives an empty result for an empty batch and leaves running statistics alone', (device) => {
    scope(() => {
      const [mean, variance] = [zeros([4], { device }), zeros([4], { device }).add_(1)];
      const x = zeros([0, 4, 5, 5], { device, requiresGrad: true });
      const weight = zeros([4], { device, requiresGrad: true });
      const y = trainOp(x, null, 0, 0, null, null, weight, null, mean, variance);
      expect(y.shape).toEqual([0, 4, 5, 5]);
      y.sum().backward();
      expect((weight.grad as Tensor).toArray()).toEqual([0, 0, 0, 0]);
      expect([mean.toArray(), variance.toArray()]).toEqual([
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ]);
    });
  });

  it(
    'has the gradient of finite differences, in float64 (cpu)',
    withScope(() => {
      const shape = [2, 5, 3, 2];
      const double = (size: number[]) => randn(size, { dtype: 'float64' });
      const inputs = [double(shape), double(shape), double([3]), double([3]), double([2]), double([2])];
      for (const training of [true, false]) {
        const g = double(shape);
        const mean = double([2]);
        const variance = double([2]).abs().add(0.5);
        const loss = (values: Tensor[]): Tensor => {
          const [x, residual, w, b, w2, b2] = values;
          const common = [x, residual, 0, 3, w, b, w2, b2];
          const y = training
            ? trainOp(...common, null, null, 1e-5, 1e-3, true)
            : evaluate(...common, mean, variance, 1e-5, 1e-3, true);
          return y.mul(g).sum();
        };
        const leaves = inputs.map((value) => value.detach().requiresGrad_());
        const grads = grad([loss(leaves)], leaves);
        for (const [i, value] of inputs.entries()) {
          const direction = randn(value.shape, { dtype: 'float64' });
          const moved = (step: number) => Number(loss(inputs.with(i, value.add(direction.mul(step)))).item());
          const difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
          const slope = Number((grads[i] as Tensor).mul(direction).sum().item());
          expect(Math.abs(slope - difference)).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
        }
      }
    }),
  );

  forEachDevice('has a second derivative, that of the layers', (device) => {
    scope(() => {
      const dtype = device === 'cpu' ? 'float64' : 'float32';
      const place = { dtype, device } as const;
      const x = randn([2, 4, 3, 3], place).requiresGrad_();
      const [w, b] = [randn([2], place).requiresGrad_(), randn([2], place)];
      const second = (y: Tensor): Tensor => {
        const [first] = grad([y.pow(2).sum()], [x], { createGraph: true }) as [Tensor];
        return (grad([first.pow(2).sum()], [w]) as [Tensor])[0];
      };
      const fused = second(trainOp(x, null, 0, 2, w, b, w, b, null, null));
      const left = aten.instance_norm(x.narrow(1, 0, 2), w, b, null, null, true, 0, 1e-5, true);
      const right = aten.batch_norm(x.narrow(1, 2, 2), w, b, null, null, true, 0, 1e-5, true);
      const wanted = second(aten.cat([left, right], 1));
      expectClose(fused, wanted, device === 'cpu' ? { rtol: 1e-9 } : { rtol: 1e-3, atol: 1e-3 });
    });
  });

  forEachDevice('counts its writes of running statistics', (device) => {
    scope(() => {
      const mean = zeros([4], { device });
      const x = randn([2, 4, 3, 3], { device });
      const before = Number(aten._version(mean));
      trainOp(x, null, 0, 0, null, null, null, null, mean, zeros([4], { device }));
      expect(aten._version(mean)).toBe(before + 1);
    });
  });

  it(
    'says what it expected (cpu)',
    withScope(() => {
      const x = randn([2, 4, 3, 3]);
      const rest = [null, null, null, null, null, null];
      expect(message(() => evaluate(randn([2, 4, 3]), null, 0, 2, ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected 4 dimensions for input, got [2, 4, 3]"`,
      );
      expect(message(() => evaluate(x, null, 0, 5, ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected a range within 4 channels for start and end, got 0 to 5"`,
      );
      expect(message(() => evaluate(x.to('int32'), null, 0, 2, ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected a floating dtype for input, got Int"`,
      );
      expect(message(() => evaluate(x, randn([2, 4, 3, 2]), 0, 2, ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected shape [2, 4, 3, 3] for residual, got [2, 4, 3, 2]"`,
      );
      expect(message(() => evaluate(x, x.to('float64'), 0, 2, ...rest))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected Float for residual, as input has, got Double"`,
      );
      expect(message(() => evaluate(x, null, 0, 2, randn([3]), ...rest.slice(1)))).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected shape [2] for instance_weight, got [3]"`,
      );
      expect(
        message(() => evaluate(x, null, 0, 2, null, null, null, null, randn([2]), null)),
      ).toMatchInlineSnapshot(
        `"TorchError: ibn::instance_batch_norm: Expected both or neither of running_mean and running_var, got one"`,
      );
    }),
  );
});

describe('the CUDA kernels', () => {
  itOnCuda('refuse what they cannot do, by name', () => {
    scope(() => {
      const device = 'cuda';
      const x = randn([2, 4, 3, 3], { device });
      const rest = [null, null, null, null, null, null];
      expect(message(() => evaluate(x.to('float64'), null, 0, 2, ...rest))).toContain(
        'Expected float32, float16 or bfloat16 for input on CUDA',
      );
      expect(message(() => evaluate(x, x.cpu(), 0, 2, ...rest))).toContain('Expected residual on cuda:0');
      const out = ibn._instance_batch_norm_out as (...args: unknown[]) => unknown;
      const call = (input: Tensor, output: Tensor) =>
        out(input, null, 0, 2, ...rest, 1e-5, 1e-5, false, 0, 0, output, null, null);
      expect(message(() => call(x.slice(3, 0, 2), x))).toContain(
        'Expected a contiguous or channels_last tensor',
      );
      expect(message(() => call(x, randn([2, 4, 3, 2], { device })))).toContain(
        'Expected shape [2, 4, 3, 3]',
      );
      expect(message(() => call(x, x.to('float16')))).toContain('Expected the dtype of input for output');
    });
  });

  itOnCuda('agree with float64 where a slice fits on no multiprocessor', () => {
    for (const format of formats) {
      for (const training of [false, true]) {
        scope(() => {
          const make = norms['IBN(10, 0.4)'] as () => ReturnType<(typeof norms)[string]>;
          const layer = make().to({ device: 'cuda' }).train(training);
          const exact = exactCopy(layer, make);
          const x = inputOf([2, 10, 301, 299], 'float16', 'cuda', format);
          const g = inputOf([2, 10, 301, 299], 'float16', 'cuda', format);
          const actual = runFused(layer, x, {}, g);
          const wanted = runExact(exact, x, {}, g, actual.output);
          expectClose(actual.output.to('float64'), wanted.output, tolerances.float16);
          expectClose((actual.grads.get('x') as Tensor).to('float64'), wanted.grads.get('x') as Tensor, {
            rtol: 1e-2,
            atol: 1e-2,
          });
        });
      }
    }
  });

  itOnCuda('use a stream that is current, and the device of the input', () => {
    scope(() => {
      const layer = norms['IBN(32)']?.().to({ device: 'cuda' }).eval();
      const x = randn([4, 32, 9, 9], { device: 'cuda' });
      const run = () => withFusedNorms('always', () => (layer as { forward(x: Tensor): Tensor }).forward(x));
      const wanted = withFusedNorms('never', () => (layer as { forward(x: Tensor): Tensor }).forward(x));
      expectClose(run(), wanted, tolerances.float32);
    });
  });

  itOnCuda('count elements beyond 2^31', async () => {
    const { cuda } = await import('../../lib/index.ts');
    const [free] = cuda.memGetInfo();
    const size = 33_000;
    if (free < 6 * size * size * 2 * 2) return;
    scope(() => {
      const x = zeros([1, 2, size, size], { device: 'cuda', dtype: 'float16' });
      x.narrow(1, 1, 1)
        .narrow(2, size - 1, 1)
        .fill_(1);
      const y = evaluate(x, null, 0, 2, null, null, null, null, null, null);
      const wanted = Math.sqrt(size - 1);
      const last = Number(
        y
          .narrow(1, 1, 1)
          .narrow(2, size - 1, 1)
          .mean()
          .item(),
      );
      expect(Math.abs(last / wanted - 1)).toBeLessThan(0.05);
      expect(Number(y.narrow(1, 0, 1).abs().max().item())).toBe(0);
    });
  });
});
