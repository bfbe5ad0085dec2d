import { expect } from 'vitest';
import { getModel } from '../../../lib/models/index.ts';
import type * as nn from '../../../lib/nn/index.ts';
import { manualSeed } from '../../../lib/tensor/index.ts';
import { sizeFor } from '../../helpers/networks.ts';
import { disposeModel, prepared } from '../../helpers/plans.ts';
import { countCalls, cudaPlan, disposePlan, largestError, type PlanSettings } from './plans.ts';

/** The calls of a network, made on the CPU, against eager; gives how often it makes each. */
export function check(
  make: () => nn.Module,
  settings: PlanSettings = {},
  tolerance = 1e-4,
): Record<string, number> {
  manualSeed(0);
  const model = prepared(make());
  const plan = cudaPlan(model, settings);
  expect(largestError(model, plan)).toBeLessThan(tolerance);
  const counts = countCalls(plan);
  disposePlan(plan);
  disposeModel(model);
  return counts;
}

/** A network of the registry. */
export function checkNetwork(name: string): void {
  check(() => getModel(name), { size: sizeFor(name) });
}
