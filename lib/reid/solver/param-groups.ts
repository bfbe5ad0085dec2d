import type { Module, Parameter } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { checkModule, checkNumber } from '../models/checks.ts';

/** Options of {@link strongBaselineGroups}. */
export interface GroupOptions {
  /** Default 3.5e-4. */
  lr?: number;
  /** Times `lr` for biases. Default 1. */
  biasLrFactor?: number;
  /** Default 5e-4. */
  weightDecay?: number;
  /** Of biases. Default 5e-4. */
  weightDecayBias?: number;
}

/** A parameter group of an optimizer. */
export interface ReIDParamGroup {
  params: Parameter[];
  lr: number;
  weightDecay: number;
}

/**
 * reid-strong-baseline's parameter groups: one for each tensor that is trained, with a rate and a decay of its own for biases.
 *
 * @example
 * const optimizer = new optim.Adam(reid.strongBaselineGroups(model));
 */
export function strongBaselineGroups(model: Module, options: GroupOptions = {}): ReIDParamGroup[] {
  checkPositions('strongBaselineGroups', arguments, 2);
  checkOptions('strongBaselineGroups', options, ['lr', 'biasLrFactor', 'weightDecay', 'weightDecayBias']);
  const { lr = 3.5e-4, biasLrFactor = 1, weightDecay = 5e-4, weightDecayBias = 5e-4 } = options;
  for (const [name, value] of Object.entries({ lr, biasLrFactor, weightDecay, weightDecayBias }))
    checkNumber('strongBaselineGroups', name, value, 0);
  checkModule('strongBaselineGroups', 'model', model);
  return model
    .namedParameters()
    .filter(([, { requiresGrad }]) => requiresGrad)
    .map(([name, parameter]) =>
      name.includes('bias')
        ? { params: [parameter], lr: lr * biasLrFactor, weightDecay: weightDecayBias }
        : { params: [parameter], lr, weightDecay },
    );
}
