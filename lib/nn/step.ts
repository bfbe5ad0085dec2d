import { release, type Tensor } from '../tensor/index.ts';
import type { Module } from './module.ts';

/**
 * `module.forward(x)`, after which `x` is freed if the running scope made it: for the chains of modules that
 * dispose their temporaries. Tensors from outside, and those that hooks or `keep()` hold on to, stay.
 */
export function step(module: Module, x: Tensor): Tensor {
  const y: Tensor = module.forward(x);
  if (y !== x) release(x);
  return y;
}
