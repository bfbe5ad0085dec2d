import { beforeEach, describe, expect, it } from 'vitest';
import { fuseLinear } from '../../../lib/compile/passes/fuse-linear.ts';
import { fusePointwise } from '../../../lib/compile/passes/fuse-pointwise.ts';
import * as nn from '../../../lib/nn/index.ts';
import { manualSeed, ops, type Tensor } from '../../../lib/tensor/index.ts';
import { afterPasses, prepared } from '../../helpers/plans.ts';

const { aten } = ops;
const INPUT = [1, 4, 8, 8];

beforeEach(() => manualSeed(0));

function graphOf(rest: (x: Tensor) => Tensor): string[] {
  class Net extends nn.Module {
    conv = new nn.Conv2d(4, 4, 1);
    forward(x: Tensor): Tensor {
      return rest(this.conv.forward(x));
    }
  }
  return afterPasses(prepared(new Net()), INPUT, fuseLinear, fusePointwise).slice(2);
}

describe('fusePointwise', () => {
  it('joins functions of single elements, numbers and relu with what comes before', () => {
    expect(graphOf((x) => aten.gelu(x).mul(2).tanh().add(1).relu())).toEqual([
      'pointwise(1) gelu affine tanh affine relu',
    ]);
    expect(graphOf((x) => x.mul(x).sqrt())).toEqual(['pointwise(1, other 1) mul sqrt']);
  });

  it('makes one of a sigmoid that no linear layer took', () => {
    expect(graphOf((x) => x.sigmoid())).toEqual(['pointwise(1) sigmoid']);
    const fc = new nn.Linear(4, 4);
    expect(graphOf((x) => fc.forward(x.mean([2, 3])).sigmoid())).toEqual(['mean(1)', 'linear(2) sigmoid']);
  });

  it('leaves alone what something else reads, and numbers that differ by channel', () => {
    const shared = graphOf((x) => {
      const y = aten.gelu(x);
      return y.tanh().add(y);
    });
    expect(shared).toEqual(['pointwise(1) gelu', 'pointwise(2) tanh', 'add(3, 2)']);
    const norm = prepared(new nn.BatchNorm2d(4));
    expect(graphOf((x) => norm.forward(aten.gelu(x)))).toEqual(['pointwise(1) gelu', 'norm(2) [BN 4]']);
  });

  it('leaves alone a second operand: functions come after it', () => {
    expect(graphOf((x) => aten.gelu(x).mul(x))).toEqual(['pointwise(1) gelu', 'pointwise(2, other 1) mul']);
    expect(graphOf((x) => aten.gelu(x).mean([2, 3], { keepdim: true }).mul(x).tanh())).toEqual([
      'pointwise(1) gelu',
      'mean(2)',
      'gate(1, gate 3)',
      'pointwise(4) tanh',
    ]);
  });
});
