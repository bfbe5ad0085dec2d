import * as nn from '../../lib/nn/index.ts';
import { manualSeed, type Tensor } from '../../lib/tensor/index.ts';
import { expectAsEager } from './as-eager.ts';

export const INPUT = [[1, 3, 6, 8]];

/** A convolution of 4 channels, then `rest`, in evaluation mode. */
export function network<T>(rest: (x: Tensor) => T): nn.Module & { forward(x: Tensor): T } {
  manualSeed(3);
  class Net extends nn.Module {
    conv = new nn.Conv2d(3, 4, 3, { padding: 1 });
    forward(x: Tensor): T {
      return rest(this.conv.forward(x));
    }
  }
  return new Net().eval();
}

/** Fails unless batches of every size come out as in eager mode, cut into pieces in two ways. */
export async function expectEagerHoweverCut(
  model: nn.Module & { forward(x: Tensor): Tensor },
  sizes: readonly number[],
): Promise<void> {
  for (const pieces of [1, 2]) {
    await expectAsEager(model, INPUT[0] as number[], sizes, {
      unsupported: 'eager',
      microBatch: pieces,
      threads: pieces,
    });
  }
}
