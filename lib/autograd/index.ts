/** torch.autograd: derivatives of one's own, checks of them, and what lies between forward and backward. */
export {
  type AnomalyOptions,
  type BackwardAllOptions,
  backward,
  detectAnomaly,
  enableGrad,
  type GradHook,
  type GradOptions,
  grad,
  inferenceMode,
  isAnomalyEnabled,
  noGrad,
  setDetectAnomaly,
  setGradEnabled,
} from '../tensor/index.ts';
export * as forwardAd from './forward-ad.ts';
export { AutogradFunction as Function, type Gradients } from './function.ts';
export { FunctionCtx } from './function-ctx.ts';
export * as functional from './functional/index.ts';
export { gradcheck, gradgradcheck } from './gradcheck/gradcheck.ts';
export { GradcheckError } from './gradcheck/gradcheck-error.ts';
export type { GradcheckOptions, GradgradcheckOptions } from './gradcheck/options.ts';
export * as graph from './graph.ts';
export { onceDifferentiable } from './once-differentiable.ts';
