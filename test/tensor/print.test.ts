import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  arange,
  type DType,
  empty,
  eye,
  formatParameter,
  getPrintoptions,
  memoryStats,
  noGrad,
  ops,
  type PrintOptions,
  resetPeakMemoryStats,
  scope,
  setPrintoptions,
  type Tensor,
  tensor,
} from '../../lib/tensor/index.ts';
import { fixture, message, type Numbers, toTensor, withScope } from '../helpers/index.ts';

type Options = Partial<PrintOptions> & { profile?: 'default' | 'short' | 'full'; sci_mode?: boolean };
interface ValueCase {
  tensor: Numbers;
  expected: string;
  options?: Options;
  requiresGrad?: true;
}
interface RangeCase {
  shape: number[];
  dtype: DType;
  scale: number;
  shift: number;
  options: Options;
  expected: string;
}
const cases = fixture<{ values: ValueCase[]; ranges: RangeCase[]; special: Record<string, string> }>(
  'tensor/print.json',
);
const { aten } = ops;

function applyOptions(options: Options = {}): void {
  const { sci_mode, ...rest } = options;
  setPrintoptions({ profile: 'default', ...rest, ...(sci_mode === undefined ? {} : { sciMode: sci_mode }) });
}

const leaf = () => tensor([1, 2], { requiresGrad: true });
const sparseSource = () =>
  tensor([
    [0, 1.5],
    [2, 0],
  ]);
const quantizable = () =>
  tensor([
    [0.5, 1],
    [-1, 2],
  ]);
const perTensor = (x: Tensor, scale: number, zero: number, dtype: DType) =>
  aten.quantize_per_tensor(x, scale, zero, dtype);

const special: Record<string, () => Tensor> = {
  add: () => leaf().add(tensor(1)),
  'mul sum': () => {
    const x = leaf();
    return x.mul(x).sum();
  },
  select: () => leaf().select(0, 0),
  'copy slices': () =>
    leaf()
      .add(0)
      .indexPut_([tensor([0], { dtype: 'int64' })], tensor(3)),
  'long grad': () => arange(24, { dtype: 'float32', requiresGrad: true }).mul(tensor(1.25)),
  meta: () => empty([2, 3], { device: 'meta' }),
  'meta int': () => empty([3], { dtype: 'int64', device: 'meta' }),
  'sparse coo': () => aten.to_sparse(sparseSource()),
  'sparse coo double': () => aten.to_sparse(sparseSource().double()),
  'sparse coo empty': () => aten.to_sparse(aten.zeros([2, 3])),
  'sparse csr': () => aten.to_sparse_csr(sparseSource()),
  'sparse csc': () => aten.to_sparse_csc(sparseSource()),
  'sparse bsr': () => aten.to_sparse_bsr(eye(4), [2, 2]),
  'sparse bsc': () => aten.to_sparse_bsc(eye(4), [2, 2]),
  quantized: () => perTensor(quantizable(), 0.1, 10, 'quint8'),
  'quantized tiny scale': () => perTensor(tensor([0, 1e-5]), 1e-5, 0, 'qint8'),
  'quantized per channel': () =>
    aten.quantize_per_channel(
      quantizable(),
      tensor([0.1, 0.05]),
      tensor([0, 1], { dtype: 'int64' }),
      0,
      'qint8',
    ),
  mkldnn: () => aten.to_mkldnn(sparseSource()),
  'zero tensor': () => aten._efficientzerotensor([2, 2]),
  expanded: () => tensor([1]).expand([40, 50]),
};

afterEach(() => setPrintoptions({ profile: 'default' }));

describe('tensors print as in PyTorch', () => {
  it('prints values of every kind', () => {
    expect(cases.values.length).toBeGreaterThan(80);
    for (const { tensor: numbers, options, expected, requiresGrad } of cases.values) {
      scope(() => {
        applyOptions(options);
        const value = toTensor(numbers);
        if (requiresGrad) value.requiresGrad_();
        expect(`${value}`).toBe(expected);
      });
    }
  });

  it('summarises what has more elements than the threshold', () => {
    for (const { shape, dtype, scale, shift, options, expected } of cases.ranges) {
      scope(() => {
        applyOptions(options);
        const count = shape.reduce((product, size) => product * size, 1);
        const value = arange(count, { dtype: 'float64' }).mul(scale).add(shift).to(dtype).reshape(shape);
        expect(`${value}`).toBe(expected);
      });
    }
  });

  it.each(Object.keys(special))('prints as PyTorch does: %s', (name) => {
    scope(() => expect((special[name] as () => Tensor)().toString()).toBe(cases.special[name]));
  });

  it(
    'prints conjugated and negated views by their values',
    withScope(() => {
      const x = aten.view_as_complex(tensor([1, 2, 3, 4]).reshape([2, 2]));
      expect(`${aten.conj(x)}`).toBe('tensor([1.-2.j, 3.-4.j])');
      expect(`${aten.imag(aten.conj(x))}`).toBe('tensor([-2., -4.])');
    }),
  );

  it(
    'prints parameters with their heading',
    withScope(() => {
      const parameter = tensor([1, -1], { requiresGrad: true });
      expect(formatParameter(parameter)).toBe(cases.special.parameter);
    }),
  );

  it(
    'reads only the elements that show and leaves nothing behind',
    withScope(() => {
      const big = aten.empty([1000, 100, 2000]).zero_();
      const before = memoryStats();
      resetPeakMemoryStats();
      expect(`${big}`).toContain('...');
      const after = memoryStats();
      expect(after.peakCpuBytes - before.cpuBytes).toBeLessThan(100_000);
      expect([after.tensors, after.cpuBytes]).toEqual([before.tensors, before.cpuBytes]);
    }),
  );

  it('leaves nothing behind when printing throws', () => {
    const disposed = tensor([1]);
    disposed.dispose();
    const before = memoryStats().tensors;
    expect(message(() => `${disposed}`)).toMatchInlineSnapshot(
      `"TorchError: Tensor was disposed; it was created by aten::to.dtype_layout. Use it before dispose() or the end of its scope(), or keep() it"`,
    );
    expect(memoryStats().tensors).toBe(before);
  });

  it(
    'shows tensors in console.log and says when one was disposed',
    withScope(() => {
      const x = tensor([1, 2], { dtype: 'int64' });
      expect(inspect({ x })).toBe('{ x: tensor([1, 2]) }');
      x.dispose();
      expect(inspect(x)).toBe('Tensor (disposed)');
    }),
  );

  it(
    'does not record for autograd',
    withScope(() => {
      const x = leaf().mul(tensor(2));
      const text = noGrad(() => `${x}`);
      expect([text, `${x}`]).toEqual([text, 'tensor([2., 4.], grad_fn=<MulBackward0>)']);
    }),
  );

  it('keeps options until they are set again', () => {
    setPrintoptions({ precision: 2, sciMode: true });
    expect(getPrintoptions()).toEqual({
      precision: 2,
      threshold: 1000,
      edgeitems: 3,
      linewidth: 80,
      sciMode: true,
    });
    setPrintoptions({ linewidth: 40 });
    expect(getPrintoptions()).toMatchObject({ precision: 2, linewidth: 40, sciMode: null });
  });

  it('refuses unknown and impossible options', () => {
    const set = (options: object) => message(() => setPrintoptions(options));
    expect(set({ precison: 2 })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for setPrintoptions, got "precison"; did you mean precision?"`,
    );
    expect(set({ precision: '2' })).toMatchInlineSnapshot(
      `"TypeError: Expected a number for setPrintoptions option "precision", got a string"`,
    );
    expect(set({ precision: -1 })).toMatchInlineSnapshot(
      `"RangeError: Expected an integer from 0 to 75 for setPrintoptions option "precision", got -1"`,
    );
    expect(set({ edgeitems: 1.5 })).toMatchInlineSnapshot(
      `"RangeError: Expected an integer from 0 to Infinity for setPrintoptions option "edgeitems", got 1.5"`,
    );
    expect(set({ profile: 'long' })).toMatchInlineSnapshot(
      `"RangeError: Expected profile "default", "short" or "full" for setPrintoptions, got "long""`,
    );
    expect(set({ sciMode: 1 })).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean or null for setPrintoptions option "sciMode", got 1"`,
    );
    expect(getPrintoptions().precision).toBe(4);
  });
});
