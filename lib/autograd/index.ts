/** torch.autograd: derivatives, and checks of them. */
export {
  enableGrad,
  type GradOptions,
  grad,
  inferenceMode,
  noGrad,
  setGradEnabled,
} from '../tensor/index.ts';
export * as functional from './functional.ts';
export { type GradcheckOptions, type GradgradcheckOptions, gradcheck, gradgradcheck } from './gradcheck.ts';
export { GradcheckError } from './gradcheck-error.ts';
