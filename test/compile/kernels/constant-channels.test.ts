import { describe, expect, it } from 'vitest';
import { compile } from '../../../lib/compile/index.ts';
import { Conv2d, InstanceNorm2d, Module } from '../../../lib/nn/index.ts';
import { manualSeed, noGrad, ones, type Tensor } from '../../../lib/tensor/index.ts';

/** Channels that are constant over an image: normalised they are the bias, 0, whatever their value. */
class Net extends Module {
  readonly conv: Conv2d;
  readonly norm = new InstanceNorm2d(32, { affine: true });
  readonly out = new Conv2d(32, 8, 1, { bias: false });
  constructor(kernel: number, groups: number) {
    super();
    this.conv = new Conv2d(32, 32, kernel, { groups });
  }
  forward(x: Tensor): Tensor {
    return this.out.forward(this.norm.forward(this.conv.forward(x)));
  }
}

const kinds = [
  { algorithm: 'a product of matrices', kernel: 1, groups: 1 },
  { algorithm: 'filtering', kernel: 3, groups: 1 },
  { algorithm: 'narrow groups', kernel: 3, groups: 8 },
];
const cases = (['float32', 'bfloat16'] as const).flatMap((dtype) =>
  kinds.flatMap((kind) => [1, 30, 1000].map((value) => ({ dtype, value, ...kind }))),
);

describe('a compiled network of constant channels', () => {
  it.each(cases)(
    'normalises them to nothing: $algorithm of $value in $dtype',
    async ({ dtype, value, kernel, groups }) => {
      manualSeed(0);
      const net = new Net(kernel, groups).eval() as Net;
      const x = ones([2, 32, 18, 18]).mul(value * 1.003);
      const compiled = await compile(net, { inputs: [[1, 32, 18, 18]], dtype });
      const got = await compiled.run(x);
      const eager = noGrad(() => net.forward(x));
      // What is left is the rounding of x * scale + shift in float32, as in eager; bfloat16 was off by up to 470.
      const bound = 4 * Number(eager.abs().max().item()) + 1e-5 * value;
      expect(got.abs().max().item()).toBeLessThan(bound);
      compiled.dispose();
    },
  );
});
