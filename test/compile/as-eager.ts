import { expect } from 'vitest';
import { buildPlan } from '../../lib/compile/cpu/lower.ts';
import { type CompileOptions, compile } from '../../lib/compile/index.ts';
import type { Module } from '../../lib/nn/index.ts';
import { noGrad, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { countSteps } from '../helpers/plans.ts';
import { elements, relativeError } from '../nn/numbers.ts';

type Network = Module & { forward(x: Tensor): Tensor };

/** Fails unless the compiled network gives what eager gives, in batches of each of the sizes `images`. */
export async function expectAsEager(
  model: Network,
  input: readonly number[],
  images: readonly number[],
  options: Omit<CompileOptions, 'inputs'>,
): Promise<void> {
  const fast = await compile(model, { ...options, inputs: [input] });
  for (const n of images) {
    const x = randn([n, ...input.slice(1)]);
    const want = noGrad(() => model.forward(x));
    const got = await fast.run(x);
    expect(got.shape).toEqual(want.shape);
    expect(relativeError(elements(got), elements(want)), `${n} images of ${input.slice(1)}`).toBeLessThan(
      1e-5,
    );
  }
  fast.dispose();
}

/** The same on one thread and on two, whole batches and cut ones; gives the network's steps. */
export async function expectStepsAsEager(
  model: Network,
  input: readonly number[],
): Promise<Record<string, number>> {
  for (const threads of [1, 2]) await expectAsEager(model, input, [1, 2, 5], { threads, microBatch: 2 });
  return scope(() => countSteps(buildPlan(model, { inputs: [input] })));
}
