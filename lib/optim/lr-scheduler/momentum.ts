import type { AnyOptimizer } from '../base/step-hooks.ts';
import type { Group } from './scheduler.ts';

/** Whether a schedule of momentum sets the first beta; throws where the optimizer has neither that nor momentum. */
export function usesBeta1(owner: string, { defaults }: AnyOptimizer): boolean {
  if ('betas' in defaults) return true;
  if ('momentum' in defaults) return false;
  throw new RangeError(
    `Expected an optimizer with momentum or betas for ${owner}, got one without; pass { cycleMomentum: false }`,
  );
}

/** Sets the momentum of a group, which is the first beta of Adam's kind. */
export function setMomentum(group: Group, momentum: number, useBeta1: boolean): void {
  if (!useBeta1) group.momentum = momentum;
  else group.betas = Object.freeze([momentum, ...(group.betas as readonly number[]).slice(1)]);
}

/** Notes the bounds of a momentum in its group and sets the upper one. */
export function beginMomentum(group: Group, bounds: { base: number; max: number }, useBeta1: boolean): void {
  setMomentum(group, bounds.max, useBeta1);
  group.maxMomentum = bounds.max;
  group.baseMomentum = bounds.base;
}
