export { type ChildOptions, type ChildResult, runChild } from './child.ts';
export { expectClose, type Numbers, type Tolerances, toTensor, withScope } from './compare.ts';
export { cudaSkipReason, forEachDevice, itOnCuda } from './devices.ts';
export { errorOf, message } from './errors.ts';
export { dist, fixture, root, tmp } from './files.ts';
export { collectGarbage } from './gc.ts';
