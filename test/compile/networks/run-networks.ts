import { expect } from 'vitest';
import { type CompileOptions, compile } from '../../../lib/compile/index.ts';
import type * as nn from '../../../lib/nn/index.ts';
import { manualSeed, noGrad, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';
import { disposeModel, prepared, relativeError } from '../../helpers/plans.ts';

/** The largest relative error of any output, for 1 and for 3 images. */
export async function largestError(
  make: () => nn.Module,
  options: Partial<CompileOptions> = {},
  size = 64,
): Promise<number> {
  // In some random networks rounding grows until eager itself is further than this from float64.
  manualSeed(0);
  const model = prepared(make());
  const fast = await compile(model, {
    inputs: [[1, 3, size, size]],
    threads: 2,
    keepWeights: false,
    ...options,
  });
  const x = randn([3, 3, size, size]);
  const errors: number[] = [];
  for (const images of [x, x.narrow(0, 1, 1)]) {
    const got = tensorsOf(await fast.run(images));
    const want = tensorsOf(noGrad(() => model.forward(images)));
    expect(Object.keys(got)).toEqual(Object.keys(want));
    scope(() => {
      for (const [name, y] of Object.entries(want)) errors.push(relativeError(got[name] as Tensor, y));
    });
    for (const tensor of [...Object.values(got), ...Object.values(want), images]) tensor.dispose();
  }
  x.dispose();
  fast.dispose();
  disposeModel(model);
  return Math.max(...errors);
}

function tensorsOf(result: Tensor | Record<string, Tensor>): Record<string, Tensor> {
  return 'numel' in result ? { output: result as Tensor } : result;
}
