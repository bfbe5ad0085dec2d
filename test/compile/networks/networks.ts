import { expect } from 'vitest';
import { buildPlan } from '../../../lib/compile/cpu/lower.ts';
import { getModel } from '../../../lib/models/index.ts';
import type * as nn from '../../../lib/nn/index.ts';
import { scope } from '../../../lib/tensor/index.ts';
import { sizeFor } from '../../helpers/networks.ts';
import { countSteps, disposeModel, expectAgreement, prepared } from '../../helpers/plans.ts';

/** The interpreted plan of a network against eager; gives how often it has each step. */
export function check(make: () => nn.Module, size = 64): Record<string, number> {
  const model = prepared(make());
  const counts = scope(() => {
    const plan = buildPlan(model, { inputs: [[1, 3, size, size]] });
    expectAgreement(model, plan, size);
    return countSteps(plan);
  });
  disposeModel(model);
  return counts;
}

/** A network of the registry: it needs no copies and nothing of libtorch. */
export function checkNetwork(name: string): void {
  const counts = check(() => getModel(name), sizeFor(name));
  expect(Object.keys(counts)).not.toContain('copy');
  expect(Object.keys(counts)).not.toContain('aten');
}
