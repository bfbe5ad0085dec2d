import type { Tensor } from '../tensor/index.ts';
import { callForeign } from '../tensor/own-code.ts';
import { release } from '../tensor/scope.ts';
import type { Module } from './module/module.ts';

/**
 * `module.forward(x)`, as the package's own layers call the modules in them: these may be of other classes, whose code
 * may keep what it sees.
 */
export function call(module: Module, x: Tensor): Tensor {
  return module.isOwnCode ? module.forward(x) : callForeign((input) => module.forward(input), x);
}

/** The same, after which `x` is freed if the running `temporaries` made it and nobody else can hold it. */
export function forwardThenRelease(module: Module, x: Tensor): Tensor {
  const y = call(module, x);
  if (y !== x) release(x);
  return y;
}
