/** torch.autograd.functional: derivatives of whole functions. */
export type { FunctionalOptions } from './gradients.ts';
export { type HessianOptions, hessian, type JacobianOptions, jacobian } from './jacobian.ts';
export { hvp, jvp, vhp, vjp } from './products.ts';
