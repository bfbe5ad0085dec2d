import { afterEach, describe, expect, it } from 'vitest';
import {
  areDeterministicAlgorithmsEnabled,
  backends,
  getFloat32MatmulPrecision,
  ops,
  randn,
  scope,
  setFloat32MatmulPrecision,
  useDeterministicAlgorithms,
} from '../../lib/index.ts';
import { itOnCuda, message, withScope } from '../helpers/index.ts';

const { cudnn, cuda } = backends;

afterEach(() => {
  Object.assign(cudnn, {
    enabled: true,
    benchmark: false,
    deterministic: false,
    allowTF32: true,
    benchmarkLimit: 10,
  });
  setFloat32MatmulPrecision('highest');
  useDeterministicAlgorithms(false);
});

describe('settings of the backends', () => {
  it("have torch's defaults, and keep what they are set to", () => {
    const { enabled, benchmark, deterministic, allowTF32, benchmarkLimit } = cudnn;
    expect({ enabled, benchmark, deterministic, allowTF32, benchmarkLimit }).toEqual({
      enabled: true,
      benchmark: false,
      deterministic: false,
      allowTF32: true,
      benchmarkLimit: 10,
    });
    for (const name of ['enabled', 'benchmark', 'deterministic', 'allowTF32'] as const) {
      const before = cudnn[name];
      cudnn[name] = !before;
      expect([name, cudnn[name]]).toEqual([name, !before]);
    }
    cudnn.benchmarkLimit = 0;
    expect(cudnn.benchmarkLimit).toBe(0);
  });

  it('tie TF32 products and the precision of products together, as torch', () => {
    expect([cuda.matmul.allowTF32, getFloat32MatmulPrecision()]).toEqual([false, 'highest']);
    cuda.matmul.allowTF32 = true;
    expect(getFloat32MatmulPrecision()).toBe('high');
    setFloat32MatmulPrecision('highest');
    expect(cuda.matmul.allowTF32).toBe(false);
    setFloat32MatmulPrecision('medium');
    expect([getFloat32MatmulPrecision(), cuda.matmul.allowTF32]).toEqual(['medium', true]);
  });

  it(
    'make ops throw that are not deterministic',
    withScope(() => {
      expect(areDeterministicAlgorithmsEnabled()).toBe(false);
      useDeterministicAlgorithms(true);
      expect(areDeterministicAlgorithmsEnabled()).toBe(true);
    }),
  );

  it('refuse other values, with the name of the setting', () => {
    expect(message(() => Object.assign(cudnn, { benchmark: 1 }))).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean for backends.cudnn.benchmark, got number"`,
    );
    expect(message(() => Object.assign(cuda.matmul, { allowTF32: 'yes' }))).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean for backends.cuda.matmul.allowTF32, got string"`,
    );
    expect(message(() => Object.assign(cudnn, { benchmarkLimit: -1 }))).toMatchInlineSnapshot(
      `"RangeError: Expected an integer of at least 0 for backends.cudnn.benchmarkLimit, got -1"`,
    );
    expect(message(() => setFloat32MatmulPrecision('low' as never))).toMatchInlineSnapshot(
      `"RangeError: Expected one of "highest", "high", "medium" for setFloat32MatmulPrecision, got "low""`,
    );
  });

  it('say whether there is cuDNN', () => {
    expect(cudnn.isAvailable()).toBe(cudnn.version() !== null);
  });

  itOnCuda('change what is computed: TF32 products differ from float32 ones', () => {
    scope(() => {
      const x = randn([256, 256], { device: 'cuda' });
      const exact = x.double().matmul(x.double());
      const error = () => x.matmul(x).double().sub(exact).abs().max().item() as number;
      const full = error();
      cuda.matmul.allowTF32 = true;
      expect(error()).toBeGreaterThan(4 * full);
    });
  });

  itOnCuda('leave convolutions right with benchmark, deterministic, and without cuDNN', () => {
    scope(() => {
      cudnn.allowTF32 = false;
      const x = randn([2, 8, 16, 16], { device: 'cuda' });
      const w = randn([8, 8, 3, 3], { device: 'cuda' });
      const want = ops.aten.conv2d(x.cpu().double(), w.cpu().double());
      for (const setting of [{}, { benchmark: true }, { deterministic: true }, { enabled: false }]) {
        Object.assign(cudnn, { benchmark: false, deterministic: false, enabled: true }, setting);
        const got = ops.aten.conv2d(x, w).cpu().double();
        expect(got.sub(want).abs().max().item()).toBeLessThan(1e-3);
      }
      expect(cudnn.version()).toBeGreaterThan(80000);
    });
  });
});
