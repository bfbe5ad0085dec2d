import { describe, expect, it } from 'vitest';
import { compile } from '../../../lib/compile/index.ts';
import { Conv2d, Module } from '../../../lib/nn/index.ts';
import { manualSeed, noGrad, ones, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';

class Net extends Module {
  readonly conv: Conv2d;
  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { padding: 1, bias: false });
  }
  forward(x: Tensor): Tensor {
    return this.conv.forward(x);
  }
}

const PLACES = 64; // 8 x 8: every place in a tile
const FIRST = 5;
const layers = [
  { algorithm: 'winograd2', channels: 64, side: 14, bound: 0 },
  { algorithm: 'winograd4', channels: 64, side: 28, bound: 1024 },
  { algorithm: 'gemm', channels: 16, side: 56, bound: 0 },
];

/** Of image i: 1 but for the 3 x 3 outputs that see its outlier. */
function beyondWindow(side: number): Tensor {
  const mask = ones([PLACES, 1, side, side], { dtype: 'float64' });
  for (let i = 0; i < PLACES; i++) {
    const [y, x] = [FIRST + Math.floor(i / 8), FIRST + (i % 8)];
    mask
      .select(0, i)
      .narrow(1, y - 1, 3)
      .narrow(2, x - 1, 3)
      .fill_(0);
  }
  return mask;
}

/** `base` for each place, with `value` there in one channel. */
function withOutliers(base: Tensor, value: number): Tensor {
  const images = base.repeat([PLACES, 1, 1, 1]);
  for (let i = 0; i < PLACES; i++) {
    images
      .select(0, i)
      .select(0, 3)
      .narrow(0, FIRST + Math.floor(i / 8), 1)
      .narrow(1, FIRST + (i % 8), 1)
      .fill_(value);
  }
  return images;
}

describe('a finite outlier in a compiled convolution', () => {
  // docs/compile.md gives this bound.
  it.each(layers)(
    'changes outputs beyond its window by its rounding at most: $algorithm',
    async ({ algorithm, channels, side, bound }) => {
      manualSeed(0);
      const net = new Net(channels).eval() as Net;
      const compiled = await compile(net, { inputs: [[1, channels, side, side]] });
      const base = randn([1, channels, side, side]);
      const weight = Number(noGrad(() => net.conv.weight.abs().max().item()));
      const exact = noGrad(() => net.to({ dtype: 'float64' }).forward(base.to({ dtype: 'float64' })));
      for (const value of [1e3, 1e6, 1e20, 1e36]) {
        const got = await compiled.run(withOutliers(base, value));
        const off = scope(() =>
          Number(got.to({ dtype: 'float64' }).sub(exact).mul(beyondWindow(side)).abs().max().item()),
        );
        expect(off, `${value}`).toBeLessThanOrEqual(bound * 2 ** -24 * value * weight + 4e-5);
      }
      expect(compiled.stats().steps.map((step) => step.algorithm)).toContain(algorithm);
      compiled.dispose();
    },
  );
});
